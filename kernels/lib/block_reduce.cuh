// A block's values combined in a fixed order: within each warp as a tree, then the warps' results one after the other.
// The block has whole warps, 32 at most.
#pragma once

#include "device.cuh"

// Combines what all threads bring; all get the result. `warps` has room for 32 values and may be used again after a
// barrier.
template <class Value, class Combine>
__device__ __forceinline__ Value blockReduce(Value value, Value *warps, Combine combine) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, distance));
  }
  if (threadIdx.x % 32 == 0) {
    warps[threadIdx.x / 32] = value;
  }
  __syncthreads();
  value = warps[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; warp++) {
    value = combine(value, warps[warp]);
  }
  return value;
}
