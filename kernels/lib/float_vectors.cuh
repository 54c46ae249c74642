// Float32 elements one by one or four at a time, so that a kernel is written once for both: Vector is float or float4.
#pragma once

#include "device.cuh"

template <class Vector>
constexpr int WIDTH = sizeof(Vector) / sizeof(float);

// Whether four floats can be read at once from here, and from every fourth one on.
__device__ __forceinline__ bool aligned16(const void *address) {
  return (reinterpret_cast<unsigned long long>(address) & 15) == 0;
}

template <class Unary>
__device__ __forceinline__ float each(Unary of, float a) {
  return of(a);
}

template <class Unary>
__device__ __forceinline__ float4 each(Unary of, float4 a) {
  return make_float4(of(a.x), of(a.y), of(a.z), of(a.w));
}

template <class Binary>
__device__ __forceinline__ float each(Binary of, float a, float b) {
  return of(a, b);
}

template <class Binary>
__device__ __forceinline__ float4 each(Binary of, float4 a, float4 b) {
  return make_float4(of(a.x, b.x), of(a.y, b.y), of(a.z, b.z), of(a.w, b.w));
}

// Calls in the elements' order.
template <class Action>
__device__ __forceinline__ void forEach(float a, Action action) {
  action(a);
}

template <class Action>
__device__ __forceinline__ void forEach(float4 a, Action action) {
  action(a.x);
  action(a.y);
  action(a.z);
  action(a.w);
}

// Four floats of a row that has `available` from here on (none if not positive), zero where it has ended.
__device__ __forceinline__ float4 loadFour(const float *from, int available, bool aligned) {
  if (aligned && available >= 4) {
    return *reinterpret_cast<const float4 *>(from);
  }
  return make_float4(available > 0 ? from[0] : 0.0f, available > 1 ? from[1] : 0.0f, available > 2 ? from[2] : 0.0f,
                     available > 3 ? from[3] : 0.0f);
}
