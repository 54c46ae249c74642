// Ends a linear layer whose matrix product another library computed: out[t, o] = out[t, o] * inverses[t] * weightInverses[o]
// + bias[o]; without weightInverses these are 1. One block of whole warps for each token (grid.x). 8 bytes an element. No
// shared memory.
#include "linear_scales.cuh"

extern "C" __global__ void linear_epilogue(float *out, long long stride, int features, const float *inverses,
                                         const float *weightInverses, const float *bias) {
  float *row = out + blockIdx.x * stride;
  const float inverse = inverses[blockIdx.x];
  for (int feature = threadIdx.x; feature < features; feature += blockDim.x) {
    const float product = unscaled(row[feature], inverse, weightInverses == nullptr ? 1.0f : weightInverses[feature]);
    row[feature] = bias == nullptr ? product : product + bias[feature];
  }
}
