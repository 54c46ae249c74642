// Tensor-core products and asynchronous copies, as a kernel would use them.
#include "tensor_core.cuh"

// d [16, 8] += a [16, 16] b [16, 8], all row-major in global memory, staged in shared memory.
extern "C" __global__ void __launch_bounds__(32) product_f16(const unsigned short *a, const unsigned short *b, float *d) {
  __shared__ __align__(16) unsigned short tileA[16 * 16];
  __shared__ __align__(16) unsigned short tileB[16 * 8];
  const int lane = threadIdx.x;
  tensor_core::copyAsync(tileA + 8 * lane, a + 8 * lane);
  tensor_core::copyAsyncCommit();
  tensor_core::copyAsync(tileB + 8 * (lane % 16), b + 8 * (lane % 16));
  tensor_core::copyAsyncCommit();
  tensor_core::copyAsyncWait<0>();
  __syncthreads();
  unsigned wordsA[4], wordsB[2];
  tensor_core::loadMatrices(wordsA, tileA + lane % 16 * 16 + lane / 16 * 8);
  tensor_core::loadMatricesTransposed(wordsB, tileB + lane % 16 * 8);
  float sum[4];
  for (int i = 0; i < 4; i++) sum[i] = d[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2];
#if TENSOR_CORE_K16
  tensor_core::multiplyF16(sum, wordsA, wordsB);
#else
  for (int half = 0; half < 2; half++) {
    const unsigned halfA[2] = {wordsA[2 * half], wordsA[2 * half + 1]};
    tensor_core::multiplyF16K8(sum, halfA, wordsB[half]);
  }
#endif
  for (int i = 0; i < 4; i++) d[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sum[i];
}
