// The choice of experts: of each token's softmax over its experts the k most probable ones, equal ones from the lowest
// on, and their probabilities or, renormalized, these divided by their sum.
//
// Half a warp for each token, 8 tokens a block. One pass over the token's logits for the highest, one for the sum of
// exponentials, and k more, each of which finds the next one in a total order: probabilities as integers, which are
// ordered as they are (none is negative), and below them the experts from the last to the first. So any number of experts
// is served without memory for them. A token's logits are a few hundred bytes, read once from memory and k + 1 times more
// from L1; with 8 of 128 experts 2 thousand operations a lane, nothing beside the linear layers around it. No shared
// memory.
//
// The CPU's bits: 16 lanes add up as there (LaneSum.java). Either all probabilities are numbers or none is: then the
// lowest experts are chosen.
#include "exponential.cuh"

namespace {

using Key = unsigned long long;

constexpr int LANES = 16;  // of a token
constexpr unsigned NOT_A_NUMBER = 0x7fffffffu;

// What all lanes of a token make of their values together.
template <class Value, class Combine>
__device__ __forceinline__ Value together(Value value, Combine combine) {
#pragma unroll
  for (int distance = LANES / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, distance));
  }
  return value;
}

struct Softmax {
  const float *logits;
  int experts;
  int lane;
  float highest = -INFINITY;
  float sum = 0.0f;

  __device__ __forceinline__ Softmax(const float *logits, int experts, int lane)
      : logits(logits), experts(experts), lane(lane) {
    for (int expert = lane; expert < experts; expert += LANES) {
      highest = logits[expert] > highest ? logits[expert] : highest;
    }
    highest = together(highest, [](float a, float b) { return a > b ? a : b; });
    for (int expert = lane; expert < experts; expert += LANES) {
      sum += exponentialOf(logits[expert] - highest);
    }
    sum = together(sum, [](float a, float b) { return a + b; });
  }

  __device__ __forceinline__ Key key(int expert) const {
    const float probability = __fdiv_rn(exponentialOf(logits[expert] - highest), sum);
    const unsigned bits = probability >= 0.0f ? __float_as_uint(probability) : NOT_A_NUMBER;
    return static_cast<Key>(bits) << 32 | (0xffffffffu - static_cast<unsigned>(expert));
  }

  // The highest key below one that was chosen.
  __device__ __forceinline__ Key next(Key chosen) const {
    Key best = 0;
    for (int expert = lane; expert < experts; expert += LANES) {
      const Key candidate = key(expert);
      best = candidate < chosen && candidate > best ? candidate : best;
    }
    return together(best, [](Key a, Key b) { return a > b ? a : b; });
  }
};

}  // namespace

extern "C" __global__ void route(const float *logits, int tokens, int experts, int k, int renormalize, int *chosen,
                                 float *weights) {
  const int lane = threadIdx.x % LANES;
  const long long token = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) / LANES;
  const bool is = token < tokens;  // the last block's other lanes go along with the last token's
  const Softmax softmax(logits + (is ? token : tokens - 1) * experts, experts, lane);
  float sum = 0.0f;
  Key key = ~0ull;
  for (int place = 0; place < k; place++) {
    key = softmax.next(key);
    const float weight = __uint_as_float(static_cast<unsigned>(key >> 32));
    sum += weight;
    if (is && place % LANES == lane) {
      chosen[token * k + place] = static_cast<int>(0xffffffffu - static_cast<unsigned>(key));
      weights[token * k + place] = weight;
    }
  }
  for (int place = lane; renormalize && is && place < k; place += LANES) {
    weights[token * k + place] = __fdiv_rn(weights[token * k + place], sum);
  }
}
