// Warp intrinsics with masks and widths, barriers that count, atomics, and shared memory as it is found.
#include "device.cuh"

constexpr int RESULTS = 10;

extern "C" __global__ void warps_u32(unsigned *out) {
  const unsigned lane = threadIdx.x % 32;
  unsigned *results = out + (blockIdx.x * blockDim.x + threadIdx.x) * RESULTS;
  const unsigned half = lane < 16 ? 0x0000ffff : 0xffff0000;
  results[0] = __shfl_sync(0xffffffff, lane, 5, 8);
  if (lane < 16) {
    results[1] = __shfl_down_sync(half, lane, 3, 8);
  } else {
    results[1] = __shfl_up_sync(half, lane, 3, 4);
  }
  results[2] = __shfl_xor_sync(half, lane, 7, 16);
  results[3] = __ballot_sync(half, lane % 3 == 0);
  results[4] = __match_any_sync(0xffffffff, static_cast<int>(lane / 5));
  results[5] = __any_sync(half, lane == 20) + 2 * __all_sync(half, lane >= 16);
  results[6] = __syncthreads_count(lane == 1);
  // Lanes that have ended aren't waited for.
  if (lane >= 30) return;
  results[7] = __ballot_sync(0xffffffff, 1);
  results[8] = static_cast<unsigned>(__shfl_sync(0x3fffffff, 1ull << 40 | lane, 29) >> 40);
  results[9] = __shfl_sync(0xffffffff, lane, 31);
}

// Counts bins over the grid, in shared memory first.
extern "C" __global__ void histogram_u32(const unsigned *values, unsigned *bins, unsigned long long *sum, long long count) {
  __shared__ unsigned local[16];
  if (threadIdx.x < 16) local[threadIdx.x] = 0;
  __syncthreads();
  const long long index = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index < count) {
    atomicAdd(&local[values[index] % 16], 1u);
    atomicAdd(sum, static_cast<unsigned long long>(values[index]));
  }
  __syncthreads();
  if (threadIdx.x < 16) atomicAdd(&bins[threadIdx.x], local[threadIdx.x]);
}

// What is in shared memory when a block starts.
extern "C" __global__ void uninitialized_u32(unsigned *out) {
  __shared__ unsigned fixed[32];
  DYNAMIC_SHARED(unsigned, dynamic);
  out[blockIdx.x * 64 + threadIdx.x] = fixed[threadIdx.x];
  out[blockIdx.x * 64 + 32 + threadIdx.x] = dynamic[threadIdx.x];
  // Else a compiler knows that it stays as it was made.
  fixed[threadIdx.x] = 0;
}

// Without a barrier the result depends on who comes first: what orders are for.
extern "C" __global__ void racy_u32(unsigned *out) {
  __shared__ unsigned last;
  last = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = last;
}
