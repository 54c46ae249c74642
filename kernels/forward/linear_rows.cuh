// A linear layer for one to four tokens, as when a text is generated: out[t, o] = sum over c of x[t, c] * w[o, c] + bias[o].
// A weight is read once and used for all tokens, so the time is that of reading the weights.
//
// Sums are made as the CPU makes them, to the bit: chains of fused multiply-adds over RUN columns, added up in order. A
// chain is one thread's, and a block of 256 threads has 16 features and 16 runs of them at a time. A thread goes along
// its run 16 columns at a time (4 of codes), whose loads don't wait for each other; the sectors that they leave half read
// come from the first-level cache next: 256 threads hold 32 KiB of lines at most. Of x, all threads of a run read the
// same address. Chains of 16 runs meet in shared memory, where a thread for each feature and token adds them in order.
//
// Reads each weight once, and of x 4 bytes a column for 16 features, from the second-level cache or nearer; 2 or 3
// instructions beside a multiply-add (widening, loads of four). Shared memory: 1 KiB a token.
//
// Edges: what lies outside is read as zero and not written; a missing token repeats the last one.
#pragma once
#include "float_vectors.cuh"

constexpr int THREADS = 256;
constexpr int FEATURES = 16;
constexpr int RUNS = THREADS / FEATURES;
constexpr int RUN = 256;

struct Sizes {
  int tokens, features, columns;
};

static __device__ __forceinline__ float extended(float chain, float4 x, float4 w) {
  chain = __fmaf_rn(x.x, w.x, chain);
  chain = __fmaf_rn(x.y, w.y, chain);
  chain = __fmaf_rn(x.z, w.z, chain);
  return __fmaf_rn(x.w, w.w, chain);
}

// Adds the products of one run of a feature to a chain for each token; its row gives four weights at a time, in order,
// and says how many columns are taken together.
template <int TOKENS, class Row>
static __device__ __forceinline__ void multiplyRun(float (&chain)[TOKENS], const float *x, Row w, int run, Sizes sizes,
                                                   bool aligned) {
  constexpr int STEP = Row::STEP;
  const int end = run + RUN < sizes.columns ? run + RUN : sizes.columns;
  for (int column = run; column < end; column += STEP) {
    float4 weights[STEP / 4];
#pragma unroll
    for (int i = 0; i < STEP / 4; i++) {
      weights[i] = w.four(column + 4 * i, end - column - 4 * i);
    }
#pragma unroll
    for (int t = 0; t < TOKENS; t++) {
      const float *row = x + static_cast<long long>(t < sizes.tokens ? t : sizes.tokens - 1) * sizes.columns;
#pragma unroll
      for (int i = 0; i < STEP / 4; i++) {
        chain[t] = extended(chain[t], loadFour(row + column + 4 * i, end - column - 4 * i, aligned), weights[i]);
      }
    }
  }
}

template <int TOKENS, class RowOf>
static __device__ __forceinline__ void linearRows(const float *x, RowOf rowOf, const float *bias, float *out,
                                                  long long outStride, Sizes sizes) {
  __shared__ float chains[RUNS][TOKENS * FEATURES];
  const bool aligned = sizes.columns % 4 == 0 && aligned16(x);
  const int own = threadIdx.x % FEATURES;
  const int place = threadIdx.x / FEATURES;
  const int firstFeature = blockIdx.x * FEATURES;
  const bool sums = threadIdx.x < TOKENS * FEATURES;
  float sum = 0.0f;
  for (int first = 0; first < sizes.columns; first += RUNS * RUN) {
    const int run = first + place * RUN;
    float chain[TOKENS] = {};
    if (firstFeature + own < sizes.features && run < sizes.columns) {
      multiplyRun<TOKENS>(chain, x, rowOf(firstFeature + own), run, sizes, aligned);
    }
#pragma unroll
    for (int t = 0; t < TOKENS; t++) {
      chains[place][t * FEATURES + own] = chain[t];
    }
    __syncthreads();
    for (int i = 0; sums && i < RUNS && first + i * RUN < sizes.columns; i++) {
      sum = first + i == 0 ? chains[i][threadIdx.x] : sum + chains[i][threadIdx.x];
    }
    __syncthreads();
  }
  const int feature = firstFeature + own;
  if (sums && place < sizes.tokens && feature < sizes.features) {
    out[place * outStride + feature] = bias == nullptr ? sum : sum + bias[feature];
  }
}
