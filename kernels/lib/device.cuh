// What every kernel includes. nvcc brings the language with it; g++ is given host twins of it, so that the same sources
// run on a CPU under the pretend driver of the tests (src/test/pretend-cuda).
#pragma once

#ifdef __CUDACC__

// Dynamic shared memory, aligned for 16-byte accesses: DYNAMIC_SHARED(float, tile); makes tile a float pointer.
// All kernels of a file see the same bytes.
#define DYNAMIC_SHARED(type, name)                                          \
  extern __shared__ __align__(16) unsigned char dynamicSharedBytes[];       \
  type *const name = reinterpret_cast<type *>(dynamicSharedBytes)

// An F16 widened to float32.
__device__ __forceinline__ float widenHalf(unsigned short half) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half));
  return value;
}

// For each half of a word, all ones where its sign is set, else zero.
__device__ __forceinline__ unsigned signsOfHalves(unsigned word) {
  unsigned ones;
  asm("prmt.b32 %0, %1, 0, 0xbb99;" : "=r"(ones) : "r"(word));
  return ones;
}

// For each half of a word, the half of `before`, a zero or NaN, or NaN if it isn't finite: half * 0 + before.
__device__ __forceinline__ unsigned zeroOrNanF16(unsigned before, unsigned word) {
  unsigned after;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(after) : "r"(word), "r"(0u), "r"(before));
  return after;
}

__device__ __forceinline__ unsigned zeroOrNanBf16(unsigned before, unsigned word) {
#if __CUDA_ARCH__ >= 800
  unsigned after;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(after) : "r"(word), "r"(0u), "r"(before));
  return after;
#else
  // An exponent of ones carries into the sign's place.
  return before | signsOfHalves((word & 0x7fff7fffu) + 0x00800080u);
#endif
}

#else
#include "device_twin.h"
#endif
