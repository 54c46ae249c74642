// tanh x by the same float32 operations as the CPU's kernels (Tanh.java), so that both give the same bits: below 0.625
// in size an odd polynomial of degree 11 (Cephes, tanhf), above it 1 - 2 / (e^2|x| + 1) with x's sign.
#pragma once

#include "exponential.cuh"

__device__ __forceinline__ float tanhOf(float x) {
  constexpr float SMALL = 0.625f;
  const float size = fabsf(x);
  if (size < SMALL) {
    const float square = x * x;
    float p = __fmaf_rn(-5.70498872745e-3f, square, 2.06390887954e-2f);
    p = __fmaf_rn(p, square, -5.37397155531e-2f);
    p = __fmaf_rn(p, square, 1.33314422036e-1f);
    p = __fmaf_rn(p, square, -3.33332819422e-1f);
    return __fmaf_rn(p * square, x, x);
  }
  return copysignf(1.0f - __fdiv_rn(2.0f, exponentialOf(size + size) + 1.0f), x);
}

// Bounds a score or logit.
__device__ __forceinline__ float softcapped(float x, float cap) { return cap * tanhOf(__fdiv_rn(x, cap)); }
