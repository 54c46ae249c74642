// Kernels that test the pretend driver.
#include "device.cuh"

// Sums a block's values by shuffles and a barrier: out[block] = sum of in[block * blockDim.x ...].
extern "C" __global__ void __launch_bounds__(256) block_sum_u32(const unsigned *__restrict__ in, unsigned *out, int count) {
  __shared__ unsigned sums[8];
  const int index = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned sum = index < count ? in[index] : 0;
#pragma unroll
  for (int offset = 16; offset > 0; offset >>= 1) sum += __shfl_down_sync(0xffffffff, sum, offset);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    unsigned total = 0;
    for (unsigned warp = 0; warp < (blockDim.x + 31) / 32; warp++) total += sums[warp];
    out[blockIdx.x] = total;
  }
}

// out[i] = factor * in[i] through dynamic shared memory, reversed within a block.
extern "C" __global__ void reverse_scaled_f32(const float *in, float *out, float factor, long long count) {
  DYNAMIC_SHARED(float, tile);
  const long long base = static_cast<long long>(blockIdx.x) * blockDim.x;
  if (base + threadIdx.x < count) tile[threadIdx.x] = in[base + threadIdx.x] * factor;
  __syncthreads();
  const long long from = base + blockDim.x - 1 - threadIdx.x;
  if (from < count) out[from] = tile[blockDim.x - 1 - threadIdx.x];
}
