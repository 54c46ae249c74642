// Ends a linear layer whose matrix product another library computed: out[t, o] = out[t, o] * inverses[t] + bias[o];
// either may be null. One block of whole warps for each token (grid.x). 8 bytes an element. No shared memory.
#include "device.cuh"

extern "C" __global__ void linear_epilogue(float *out, long long stride, int features, const float *inverses,
                                         const float *bias) {
  float *row = out + blockIdx.x * stride;
  const float inverse = inverses == nullptr ? 1.0f : inverses[blockIdx.x];
  for (int feature = threadIdx.x; feature < features; feature += blockDim.x) {
    const float sum = row[feature] * inverse;
    row[feature] = bias == nullptr ? sum : sum + bias[feature];
  }
}
