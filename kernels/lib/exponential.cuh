// e^x by the same float32 operations as the CPU's kernels (Exponential.java), so that both give the same bits: x = n ln
// 2 + r, e^r by a polynomial of degree 7 (Cephes, expf), 2^n multiplied in two halves. 15 operations, none of them on
// the special function units, whose results are coarser.
#pragma once

#include "device.cuh"

namespace exponential {

constexpr float LOWEST = -104.0f;   // below it every result is 0
constexpr float HIGHEST = 89.0f;    // above it infinite
constexpr float LOG2_E = 0x1.715476p0f;
constexpr float ROUNDER = 0x1.8p23f;  // adding it rounds to an integer, which then stands in the lowest bits
constexpr float LN2_HIGH = 0x1.62e43p-1f;
constexpr float LN2_LOW = -0x1.05c61p-29f;

__device__ __forceinline__ float powerOfTwo(int power) {
  return __uint_as_float(static_cast<unsigned>(power + 127) << 23);
}

}  // namespace exponential

__device__ __forceinline__ float exponentialOf(float x) {
  using namespace exponential;
  float clamped = x < LOWEST ? LOWEST : x;
  clamped = clamped > HIGHEST ? HIGHEST : clamped;
  const float shifted = __fmaf_rn(clamped, LOG2_E, ROUNDER);
  const float n = shifted - ROUNDER;
  float r = __fmaf_rn(n, -LN2_HIGH, clamped);
  r = __fmaf_rn(n, -LN2_LOW, r);
  float p = __fmaf_rn(0x1.a0d2cep-13f, r, 0x1.6e879cp-10f);
  p = __fmaf_rn(p, r, 0x1.11121p-7f);
  p = __fmaf_rn(p, r, 0x1.555382p-5f);
  p = __fmaf_rn(p, r, 0x1.555554p-3f);
  p = __fmaf_rn(p, r, 0x1p-1f);
  p = __fmaf_rn(p, r * r, r) + 1.0f;
  const int power = static_cast<int>(__float_as_uint(shifted) - __float_as_uint(ROUNDER));
  const int half = power >> 1;
  return p * powerOfTwo(half) * powerOfTwo(power - half);
}
