// Kernels that do what the pretend device refuses. Which of it comes in from outside, so that a compiler can't see it.
#include "tensor_core.cuh"

extern "C" __global__ void refused(int what, const unsigned char *in, unsigned *out) {
  __shared__ __align__(16) unsigned values[40];
  const unsigned lane = threadIdx.x % 32;
  switch (what) {
    case 0:  // a barrier that one thread doesn't reach
      if (threadIdx.x != 3) __syncthreads();
      break;
    case 1:  // lanes that wait for each other in different places
      if (lane < 16) {
        out[lane] = __shfl_xor_sync(0xffffffff, lane, 1);
      } else {
        out[lane] = __ballot_sync(0xffffffff, 1);
      }
      break;
    case 2:  // a lane that its own mask leaves out
      out[lane] = __shfl_sync(0x0000ffff, lane, 0);
      break;
    case 3:  // a shuffle that doesn't divide a warp
      out[lane] = __shfl_sync(0xffffffff, lane, 0, 12);
      break;
    case 4:  // a load of 16 bytes at a multiple of 8
      out[lane] = reinterpret_cast<const uint4 *>(in + 8 * lane)->w;
      break;
    case 5:  // an index beyond an array
      out[lane] = values[32 + lane];
      break;
    case 6:  // a barrier in one half of a warp, a wait for the other half in the other
      if (lane < 16) {
        __syncthreads();
      } else {
        __syncwarp(0xffffffff);
      }
      break;
    case 7:  // a copy that isn't waited for
      tensor_core::copyAsync(values, in);
      tensor_core::copyAsyncCommit();
      break;
    case 8:  // a matrix that isn't in shared memory
      unsigned words[4];
      tensor_core::loadMatrices(words, in);
      out[lane] = words[0];
      break;
    case 9:  // beyond the end of a buffer
      out[threadIdx.x] = in[64 + threadIdx.x];
      break;
    case 10:  // lanes of one warp that wait for each other at two places
      if (lane < 16) {
        __syncwarp();
      } else {
        out[lane] = lane;
        __syncwarp();
      }
      break;
    case 11:  // a shift by all bits
      out[lane] = lane << (what + 21);
      break;
    case 12:  // a sum beyond an int
      out[lane] = static_cast<unsigned>(what + (0x7ffffff0 + static_cast<int>(lane)));
      break;
    case 13:  // a cast of a number that no int is
      out[lane] = static_cast<unsigned>(static_cast<int>(static_cast<float>(what) * 1e9f));
      break;
    case 14:  // lanes that load matrices together at two places
      unsigned loaded[4];
      if (lane < 16) {
        tensor_core::loadMatrices(loaded, values + lane % 8 * 4);
      } else {
        tensor_core::loadMatrices(loaded, values + lane % 8 * 4 + 4);
      }
      out[lane] = loaded[0];
      break;
    case 15:  // lanes that multiply together at two places
      float sums[4] = {};
      if (lane < 16) {
        tensor_core::multiplyF16K8(sums, {lane, lane}, lane);
      } else {
        tensor_core::multiplyF16K8(sums, {lane, lane}, 0);
      }
      out[lane] = __float_as_uint(sums[0]);
      break;
  }
}
