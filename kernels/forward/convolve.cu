// A causal convolution of each column by itself: out[t] = sum over j of weights[j] x[t + before - (kernel - 1) + j], added
// by fused multiply-adds from the earliest row on, as on the CPU; rows before a sequence's first one count as 0.
//
// One block of whole warps for each token of the result (grid.x), whose threads walk along its columns. Reads each element
// of x and of the weights `kernel` times (4 in known models), from a cache but for the first time, and writes 4 bytes for
// each of the result. No shared memory.
#include "device.cuh"

extern "C" __global__ void convolve(const float *x, const float *weights, int kernel, int before, int length, float *out,
                                    int columns) {
  const int token = static_cast<int>(blockIdx.x % length);
  const long long sequence = blockIdx.x / length;
  const int first = before + token - (kernel - 1);
  const float *from = x + (sequence * (before + length) + first) * columns;
  float *to = out + static_cast<long long>(blockIdx.x) * columns;
  for (int column = threadIdx.x; column < columns; column += blockDim.x) {
    float sum = 0.0f;
    for (int j = first < 0 ? -first : 0; j < kernel; j++) {
      const long long at = static_cast<long long>(j) * columns + column;
      sum = __fmaf_rn(weights[at], from[at], sum);
    }
    to[column] = sum;
  }
}
