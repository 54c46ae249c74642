// Float32 elements one by one or four at a time, so that a kernel is written once for both: Vector is float or float4.
#pragma once

#include "device.cuh"

template <class Vector>
constexpr int WIDTH = sizeof(Vector) / sizeof(float);

// Whether four floats can be read at once from here, and from every fourth one on.
__device__ __forceinline__ bool aligned16(const void *address) {
  return (reinterpret_cast<unsigned long long>(address) & 15) == 0;
}

template <class Function, class... Floats>
__device__ __forceinline__ float each(Function of, float a, Floats... others) {
  return of(a, others...);
}

template <class Function, class... Vectors>
__device__ __forceinline__ float4 each(Function of, float4 a, Vectors... others) {
  return make_float4(of(a.x, others.x...), of(a.y, others.y...), of(a.z, others.z...), of(a.w, others.w...));
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
