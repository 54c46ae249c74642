// Values of a warp or a block combined. Blocks have whole warps, 32 at most.
#pragma once

#include "device.cuh"

// Sums and maxima of integers, whose order doesn't show in the result.

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

// Sums and maxima for every lane, in one instruction from Ampere on.
static __device__ __forceinline__ unsigned warpTotal(unsigned value) {
#if __CUDA_ARCH__ >= 800
  return __reduce_add_sync(ALL_LANES, value);
#else
  return warpSum(value);
#endif
}

static __device__ __forceinline__ unsigned warpHighest(unsigned value) {
#if __CUDA_ARCH__ >= 800
  return __reduce_max_sync(ALL_LANES, value);
#else
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    value = max(value, __shfl_xor_sync(ALL_LANES, value, distance));
  }
  return value;
#endif
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

// Combines what all threads of the block bring, floats too: in a fixed order, within each warp as a tree, then the warps'
// results one after the other. All get the result. `warps` has room for 32 values; nobody may touch it from the last
// barrier before until the next one after.
template <class Value, class Combine>
__device__ __forceinline__ Value blockReduce(Value value, Value *warps, Combine combine) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(ALL_LANES, value, distance));
  }
  if (laneIndex() == 0) {
    warps[warpIndex()] = value;
  }
  __syncthreads();
  value = warps[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; warp++) {
    value = combine(value, warps[warp]);
  }
  return value;
}

// The highest value of the block, for every thread.
static __device__ __forceinline__ unsigned blockMax(unsigned value, unsigned *warps) {
  return blockReduce(value, warps, [](unsigned a, unsigned b) { return max(a, b); });
}
