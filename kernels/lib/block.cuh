#pragma once
#include "device.cuh"

// Sums and maxima over a block of whole warps, in integers: their order doesn't show in the result.

constexpr unsigned ALL_LANES = 0xffffffffu;
constexpr unsigned MAX_WARPS = 32;

static __device__ __forceinline__ unsigned laneIndex() { return threadIdx.x % 32u; }

static __device__ __forceinline__ unsigned warpIndex() { return threadIdx.x / 32u; }

static __device__ __forceinline__ unsigned warpSum(unsigned value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(ALL_LANES, value, distance);
  }
  return value;
}

// The sum of this lane's value and those of the lanes below it.
static __device__ __forceinline__ unsigned warpPrefixSum(unsigned value) {
  unsigned lane = laneIndex();
#pragma unroll
  for (unsigned distance = 1; distance < 32; distance *= 2) {
    unsigned below = __shfl_up_sync(ALL_LANES, value, distance);
    value += lane >= distance ? below : 0u;
  }
  return value;
}

// The highest value of the block, for every thread. Nobody may touch `warps` from the last barrier before until the
// next one after.
static __device__ __forceinline__ unsigned blockMax(unsigned value, unsigned *warps) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    value = max(value, __shfl_xor_sync(ALL_LANES, value, distance));
  }
  if (laneIndex() == 0) {
    warps[warpIndex()] = value;
  }
  __syncthreads();
  value = warps[0];
  for (unsigned warp = 1; warp < blockDim.x / 32u; warp++) {
    value = max(value, warps[warp]);
  }
  return value;
}
