// The terms of cross-entropy for each row of logits: the highest logit m, the sum of exp(logit - m), and the target's
// logit.
//
// One block of whole warps for each row (grid.x), one pass over it, since a row of 128 thousand logits is too long for
// shared memory and a second pass would double the bytes: 4 a logit. Each thread keeps the highest logit that it saw and
// the sum of exponentials relative to it, and rescales the sum when a higher one comes; in the end the threads' sums are
// rescaled to the row's maximum and added in a fixed order. The maximum passes over NaN, which shows in the sum.
#include "reduce.cuh"
#include "exponential.cuh"
#include "float_vectors.cuh"

constexpr float NOTHING = -INFINITY;

struct SoftmaxSum {
  float highest = NOTHING;
  float sum = 0.0f;

  template <class Vector>
  __device__ __forceinline__ void add(Vector logits) {
    float top = highest;
    forEach(logits, [&](float logit) { top = logit > top ? logit : top; });
    if (top > highest) {
      sum *= exponentialOf(highest - top);
      highest = top;
    }
    forEach(logits, [&](float logit) { sum += logit == NOTHING ? 0.0f : exponentialOf(logit - top); });
  }
};

extern "C" __global__ void cross_entropy(const float *logits, int vocabulary, const int *targets, float *losses) {
  __shared__ float highestOfWarps[32];
  __shared__ float sumOfWarps[32];
  const float *row = logits + static_cast<long long>(blockIdx.x) * vocabulary;
  const int vectors = aligned16(row) ? vocabulary / 4 : 0;
  SoftmaxSum mine;
  for (int i = threadIdx.x; i < vectors; i += blockDim.x) {
    mine.add(reinterpret_cast<const float4 *>(row)[i]);
  }
  for (int i = vectors * 4 + threadIdx.x; i < vocabulary; i += blockDim.x) {
    mine.add(row[i]);
  }
  const float highest = blockReduce(mine.highest, highestOfWarps, [](float a, float b) { return a > b ? a : b; });
  const float rescaled = mine.sum * exponentialOf(mine.highest - highest);
  const float sum = blockReduce(rescaled, sumOfWarps, [](float a, float b) { return a + b; });
  if (threadIdx.x == 0) {
    float *loss = losses + 3LL * blockIdx.x;
    loss[0] = highest;
    loss[1] = sum;
    loss[2] = row[targets[blockIdx.x]];
  }
}
