// A matrix as one array, along which a grid of any size walks, four floats at a time where all addresses allow it. A
// result may be written over an input: each thread reads an element before it writes it, and no other's.
#pragma once

#include "packs.cuh"

template <class Unary>
static __device__ void transform(const float *a, float *out, long long count, Unary of) {
  const long long first = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  const long long packs = aligned16(a) && aligned16(out) ? count / 4 : 0;
  for (long long i = first; i < packs; i += step) {
    reinterpret_cast<float4 *>(out)[i] = each(of, reinterpret_cast<const float4 *>(a)[i]);
  }
  for (long long i = packs * 4 + first; i < count; i += step) {
    out[i] = of(a[i]);
  }
}

template <class Binary>
static __device__ void combine(const float *a, const float *b, float *out, long long count, Binary of) {
  const long long first = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  const long long packs = aligned16(a) && aligned16(b) && aligned16(out) ? count / 4 : 0;
  for (long long i = first; i < packs; i += step) {
    reinterpret_cast<float4 *>(out)[i] =
        each(of, reinterpret_cast<const float4 *>(a)[i], reinterpret_cast<const float4 *>(b)[i]);
  }
  for (long long i = packs * 4 + first; i < count; i += step) {
    out[i] = of(a[i], b[i]);
  }
}
