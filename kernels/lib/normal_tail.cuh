// The upper tail of the normal distribution from a on, of 0 or more, by the same float32 operations as the CPU's kernels
// (NormalTail.java), so that both give the same bits: e^(-a^2 / 2) t Q(t) with t = 1 / (1 + 0.3 a), the form of Hastings
// (Abramowitz and Stegun, 26.2.17) with a Q of degree 9. A division, an exponential and a polynomial: 40 operations.
#pragma once

#include "exponential.cuh"

__device__ __forceinline__ float normalTail(float a) {
  const float t = __fdiv_rn(1.0f, __fmaf_rn(a, 0.3f, 1.0f));
  float q = __fmaf_rn(-0x1.51d672p-6f, t, 0x1.cc74aep-4f);
  q = __fmaf_rn(q, t, -0x1.d3487cp-3f);
  q = __fmaf_rn(q, t, 0x1.88a364p-3f);
  q = __fmaf_rn(q, t, -0x1.4514ecp-4f);
  q = __fmaf_rn(q, t, 0x1.89b9aep-4f);
  q = __fmaf_rn(q, t, 0x1.4121dcp-4f);
  q = __fmaf_rn(q, t, 0x1.c3837p-4f);
  q = __fmaf_rn(q, t, 0x1.e9c47ep-4f);
  q = __fmaf_rn(q, t, 0x1.ea3c94p-4f);
  return exponentialOf(-0.5f * a * a) * (t * q);
}
