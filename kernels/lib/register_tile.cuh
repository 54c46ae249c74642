// A tile of 128 by 128 sums that a block of 256 threads keeps in registers, 8 by 8 a thread: the 8 rows and 8 columns of a
// thread, and the multiply-adds of two slices of operands that lie in shared memory, one line of them for each term.
#pragma once

#include "device.cuh"

constexpr int THREADS = 256;
constexpr int TILE = 128;

// Eight neighbours would be two groups of banks apart for half of the threads; four and four aren't.
static __device__ __forceinline__ void eight(float (&values)[8], const float *line, int thread) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const float4 four = *reinterpret_cast<const float4 *>(line + half * (TILE / 2) + thread * 4);
    values[half * 4] = four.x;
    values[half * 4 + 1] = four.y;
    values[half * 4 + 2] = four.z;
    values[half * 4 + 3] = four.w;
  }
}

// Where in the tile a thread's i-th value lies.
static __device__ __forceinline__ int place(int i, int thread) {
  return i / 4 * (TILE / 2) + thread * 4 + i % 4;
}

// Adds the products of two slices' lines to the chains, line by line.
template <int LINES, int PITCH>
static __device__ __forceinline__ void multiplySlices(
    float (&chain)[8][8], const float (&left)[LINES][PITCH], const float (&right)[LINES][PITCH]) {
#pragma unroll
  for (int k = 0; k < LINES; k++) {
    float a[8], b[8];
    eight(a, left[k], threadIdx.x / 16);
    eight(b, right[k], threadIdx.x % 16);
#pragma unroll
    for (int i = 0; i < 8; i++) {
#pragma unroll
      for (int j = 0; j < 8; j++) {
        chain[i][j] = __fmaf_rn(a[i], b[j], chain[i][j]);
      }
    }
  }
}
