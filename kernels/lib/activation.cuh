// The functions that stand between an MLP's linear layers, by the same float32 operations as the CPU's kernels
// (backend/cpu/ScalarActivation.java and NormalTail.java), so that both give the same bits. Those with a sigmoid take a
// division and an exponential, 25 operations; GELU two divisions, an exponential and a polynomial, 45.
#pragma once

#include "exponential.cuh"

namespace activation {

// x times the sigmoid of u.
__device__ __forceinline__ float sigmoidOf(float u, float x) { return __fdiv_rn(x, 1.0f + exponentialOf(-u)); }

__device__ __forceinline__ float silu(float x) { return sigmoidOf(x, x); }

__device__ __forceinline__ float quickGelu(float x) { return sigmoidOf(1.702f * x, x); }

// By a hyperbolic tangent, which is a sigmoid of twice its argument: twice sqrt(2 / pi) stands before the cubic.
__device__ __forceinline__ float geluTanh(float x) {
  return sigmoidOf(0x1.988454p0f * __fmaf_rn(0.044715f * x * x, x, x), x);
}

// The upper tail of the normal distribution from a on, of 0 or more: e^(-a^2 / 2) t Q(t) with t = 1 / (1 + 0.3 a), the
// form of Hastings (Abramowitz and Stegun, 26.2.17) with a Q of degree 9.
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

__device__ __forceinline__ float gelu(float x) {
  const float tail = normalTail(fabsf(x));
  return x * (x < 0.0f ? tail : 1.0f - tail);
}

// NaN and -0 stay.
__device__ __forceinline__ float relu(float x) { return x < 0.0f ? 0.0f : x; }

}  // namespace activation
