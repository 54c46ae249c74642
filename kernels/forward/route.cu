// The choice of experts. Scores are a token's softmax over its experts, their logits' sigmoids or the logits themselves;
// a correction may be added to what experts are chosen by. First the best groups of neighbouring experts are found, by
// their highest value or by the sum of their two highest, then the k best experts inside of those, equal ones from the
// lowest on. Weights are the scores, or those of a sparse mixer: 1 divided by the sum of exponentials over the experts
// that are left and near enough. They are divided by their sum where that is asked for, and multiplied by a factor.
//
// Half a warp for each token, 8 tokens a block. With a softmax one pass over the token's logits for the highest and one
// for the sum of exponentials; one pass for each group that is chosen, a lane for each group, and k more, each of which
// finds the next expert in a total order: values as integers that are ordered as they are, and below them the experts
// from the last to the first. So any number of experts is served without memory for them; groups, 64 at most, are bits
// of a number. A token's logits are a few hundred bytes, read once from memory and then from L1; with 8 of 128 experts 2
// thousand operations a lane, nothing beside the linear layers around it. No shared memory.
//
// The CPU's bits: 16 lanes add up as there (LaneSum.java). A value that is no number counts as -infinity, as there.
#include "exponential.cuh"

namespace {

using Key = unsigned long long;

constexpr int LANES = 16;  // of a token
constexpr Key ALL = ~0ull;
constexpr unsigned SIGN = 0x80000000u;

// The order of RoutingRule.Scores.
constexpr int SOFTMAX = 0;
constexpr int SIGMOID = 1;
constexpr int SPARSE_MIXER = 2;

// What all lanes of a token make of their values together.
template <class Value, class Combine>
__device__ __forceinline__ Value together(Value value, Combine combine) {
#pragma unroll
  for (int distance = LANES / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, distance));
  }
  return value;
}

__device__ __forceinline__ float sumOf(float part) {
  return together(part, [](float a, float b) { return a + b; });
}

__device__ __forceinline__ Key highestOf(Key key) {
  return together(key, [](Key a, Key b) { return a > b ? a : b; });
}

// A higher key for a higher value; for equal ones, of which 0 and -0 are two, for the lower place.
__device__ __forceinline__ Key keyOf(float value, int place) {
  const unsigned bits = __float_as_uint(value > -INFINITY ? value + 0.0f : -INFINITY);
  const unsigned ordered = (bits & SIGN) != 0 ? ~bits : bits | SIGN;
  return static_cast<Key>(ordered) << 32 | (0xffffffffu - static_cast<unsigned>(place));
}

__device__ __forceinline__ int placeOf(Key key) {
  return static_cast<int>(0xffffffffu - static_cast<unsigned>(key));
}

struct Experts {
  const float *logits;
  const float *correction;  // or null
  int experts;
  int lane;
  int scores;
  bool byLogits;
  int groupSize;
  float highest = -INFINITY;
  float sum = 0.0f;
  Key chosenGroups = ALL;

  __device__ __forceinline__ void softmax() {
    for (int expert = lane; expert < experts; expert += LANES) {
      highest = logits[expert] > highest ? logits[expert] : highest;
    }
    highest = together(highest, [](float a, float b) { return a > b ? a : b; });
    for (int expert = lane; expert < experts; expert += LANES) {
      sum += exponentialOf(logits[expert] - highest);
    }
    sum = sumOf(sum);
  }

  __device__ __forceinline__ float score(int expert) const {
    const float logit = logits[expert];
    if (scores == SOFTMAX) {
      return __fdiv_rn(exponentialOf(logit - highest), sum);
    }
    return scores == SIGMOID ? __fdiv_rn(1.0f, 1.0f + exponentialOf(-logit)) : logit;
  }

  // What an expert is chosen by.
  __device__ __forceinline__ float value(int expert) const {
    const float value = byLogits ? logits[expert] : score(expert);
    return correction == nullptr ? value : value + correction[expert];
  }

  __device__ __forceinline__ float groupValue(int group, int best) const {
    float first = -INFINITY;
    float second = -INFINITY;
    for (int expert = group * groupSize; expert < (group + 1) * groupSize; expert++) {
      const float next = value(expert);
      if (next > first) {
        second = first;
        first = next;
      } else if (next > second) {
        second = next;
      }
    }
    return best == 1 ? first : first + second;
  }

  __device__ __forceinline__ void chooseGroups(int groups, int count, int best) {
    chosenGroups = 0;
    Key last = ALL;
    for (int round = 0; round < count; round++) {
      Key next = 0;
      for (int group = lane; group < groups; group += LANES) {
        const Key candidate = keyOf(groupValue(group, best), group);
        next = candidate < last && candidate > next ? candidate : next;
      }
      last = highestOf(next);
      chosenGroups |= 1ull << placeOf(last);
    }
  }

  // The highest key below one that was chosen.
  __device__ __forceinline__ Key next(Key chosen) const {
    Key best = 0;
    for (int expert = lane; expert < experts; expert += LANES) {
      if (chosenGroups == ALL || (chosenGroups >> expert / groupSize & 1) != 0) {
        const Key candidate = keyOf(value(expert), expert);
        best = candidate < chosen && candidate > best ? candidate : best;
      }
    }
    return highestOf(best);
  }

  // The share of an expert among those below the last one that was chosen.
  __device__ __forceinline__ float share(int chosen, Key last, float threshold) const {
    const float top = logits[chosen];
    float near = 0.0f;
    for (int expert = lane; expert < experts; expert += LANES) {
      const float logit = logits[expert];
      const float reach = fabsf(logit) > top ? fabsf(logit) : top;
      const bool far = __fdiv_rn(top - logit, reach) > threshold;
      near += far || keyOf(value(expert), expert) >= last ? 0.0f : exponentialOf(logit - top);
    }
    return __fdiv_rn(1.0f, sumOf(near));
  }
};

}  // namespace

extern "C" __global__ void route(const float *logits, const float *correction, int scores, int byLogits, int k,
                                 int groups, int chosenGroups, int bestOfGroup, int renormalize, float least,
                                 float scale, float threshold, int *chosen, float *weights, int tokens, int count) {
  const int lane = threadIdx.x % LANES;
  const long long token = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) / LANES;
  const bool is = token < tokens;  // the last block's other lanes go along with the last token's
  Experts experts{logits + (is ? token : tokens - 1) * count, correction, count, lane, scores, byLogits != 0,
                  count / groups};
  if (scores == SOFTMAX) {
    experts.softmax();
  }
  if (groups > 1) {
    experts.chooseGroups(groups, chosenGroups, bestOfGroup);
  }
  float sum = 0.0f;
  Key key = ALL;
  for (int place = 0; place < k; place++) {
    const Key last = key;
    key = experts.next(last);
    const int expert = placeOf(key);
    const float weight =
        scores == SPARSE_MIXER ? experts.share(expert, last, threshold) : experts.score(expert);
    sum += weight;
    if (is && place % LANES == lane) {
      chosen[token * k + place] = expert;
      weights[token * k + place] = weight;
    }
  }
  const float divisor = sum < least ? least : sum;
  for (int place = lane; is && place < k; place += LANES) {
    const float weight = weights[token * k + place];
    weights[token * k + place] = (renormalize != 0 ? __fdiv_rn(weight, divisor) : weight) * scale;
  }
}
