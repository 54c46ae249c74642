// Matrices as arrays, along which a grid of any size walks (a grid-stride loop), four floats at a time where all
// addresses allow it. A result
// may be written over an input: each thread reads an element before it writes it, and no other's.
#pragma once

#include "float_vectors.cuh"

// out = of(in...), element by element.
template <class Function, class... In>
static __device__ void mapElements(long long count, Function of, float *out, const In *...in) {
  const long long first = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  const long long vectors = (aligned16(out) && ... && aligned16(in)) ? count / 4 : 0;
  for (long long i = first; i < vectors; i += step) {
    reinterpret_cast<float4 *>(out)[i] = each(of, reinterpret_cast<const float4 *>(in)[i]...);
  }
  for (long long i = vectors * 4 + first; i < count; i += step) {
    out[i] = of(in[i]...);
  }
}
