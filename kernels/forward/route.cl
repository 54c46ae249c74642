// The choice of experts, as in route.cu: scores by a softmax, sigmoids or the logits, a correction, groups, and the k
// best experts of each token, equal ones from the lowest on. Experts and weights are the CPU's to the bit.
//
// A work-group of 16 x 16 takes 16 tokens (lane_sum.cl) and goes through their logits k + 2 times: for the highest
// logit, for the sum of exp(logit - highest), and for each expert that is chosen; with groups once more for each group
// that is chosen, a work-item for each group. Scores are not kept, so there may be any number of experts: each time they
// are computed again, about 25 operations for one, where the layer that made the logit took two for each of thousands of
// features. Nor is it kept which experts were chosen. A round takes the first of those that come after the last round's
// choice, in the order of falling value and rising number; the groups, 64 at most, are bits of a number. Reads 4 * (k +
// 2) bytes for each logit, mostly from a cache, and writes 8 * k for each token. Local memory: 2 KiB.
//
// A comparison with NaN is false, so NaN is passed over for the highest logit. A value that is no number counts as
// -infinity.
#include "device_pointer.cl"
#include "exponential.cl"
#include "lane_sum.cl"

#define NO_EXPERT INT_MAX

// The order of RoutingRule.Scores.
#define SOFTMAX 0
#define SIGMOID 1
#define SPARSE_MIXER 2

// A token's logits and what its experts are chosen by.
typedef struct {
  __global const float *logits;
  __global const float *correction;
  int corrected;
  int scores;
  int by_logits;
  float highest;
  float sum;
} Token;

// Whether an expert or a group comes before another one.
bool before(float value, int expert, float other_value, int other) {
  return value > other_value || (value == other_value && expert < other);
}

float number(float value) { return value > -INFINITY ? value : -INFINITY; }

float score_of(const Token *token, int expert) {
  float logit = token->logits[expert];
  if (token->scores == SOFTMAX) {
    return exponential(logit - token->highest) / token->sum;
  }
  return token->scores == SIGMOID ? 1.0f / (1.0f + exponential(-logit)) : logit;
}

float value_of(const Token *token, int expert) {
  float value = token->by_logits ? token->logits[expert] : score_of(token, expert);
  return number(token->corrected ? value + token->correction[expert] : value);
}

float group_value(const Token *token, int from, int size, int best) {
  float first = -INFINITY;
  float second = -INFINITY;
  for (int expert = from; expert < from + size; expert++) {
    float value = value_of(token, expert);
    if (value > first) {
      second = first;
      first = value;
    } else if (value > second) {
      second = value;
    }
  }
  return best == 1 ? first : number(first + second);
}

// Finds the first of what the lanes of a token have found, in the order of before.
void first_of_lanes(
    __local float values[ROWS_PER_GROUP][LANES], __local int numbers[ROWS_PER_GROUP][LANES],
    float *value, int *place) {
  int lane = (int)get_local_id(0);
  int row = (int)get_local_id(1);
  // Before the first writing the sum was read from the lanes, later the last round's choice.
  barrier(CLK_LOCAL_MEM_FENCE);
  values[row][lane] = *value;
  numbers[row][lane] = *place;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int l = 0; l < LANES; l++) {
    if (before(values[row][l], numbers[row][l], *value, *place)) {
      *value = values[row][l];
      *place = numbers[row][l];
    }
  }
}

__kernel __attribute__((reqd_work_group_size(LANES, ROWS_PER_GROUP, 1))) void route(
    __global const float *logits, ulong logits_offset,
    __global const float *correction, ulong correction_offset, int scores, int by_logits,
    int chosen, int groups, int chosen_groups, int best_of_group, int renormalize, float least,
    float scale, float threshold, __global int *experts, ulong experts_offset,
    __global float *weights, ulong weights_offset, int rows, int columns) {
  __local float lanes[ROWS_PER_GROUP][LANES];
  __local int numbers[ROWS_PER_GROUP][LANES];
  int lane = (int)get_local_id(0);
  int row = (int)get_global_id(1);
  // Work-items without a row go through the last one, since all have to reach the barriers.
  long at = min(row, rows - 1);
  Token token;
  token.logits = CONST_POINTER(float, logits) + at * columns;
  token.correction = CONST_POINTER(float, correction);
  token.corrected = correction != 0;
  token.scores = scores;
  token.by_logits = by_logits;
  token.highest = -INFINITY;
  token.sum = 0.0f;
  __global int *expert_places = POINTER(int, experts) + at * chosen;
  __global float *weight_places = POINTER(float, weights) + at * chosen;
  bool writes = row < rows && lane == 0;

  if (scores == SOFTMAX) {
    for (int c = lane; c < columns; c += LANES) {
      float logit = token.logits[c];
      token.highest = logit > token.highest ? logit : token.highest;
    }
    token.highest = highest_lane(lanes, token.highest);
    float sum = 0.0f;
    for (int c = lane; c < columns; c += LANES) {
      sum += exponential(token.logits[c] - token.highest);
    }
    token.sum = combine_lanes(lanes, sum);
  }

  ulong open = ~0ul;
  int size = columns / groups;
  if (groups > 1) {
    open = 0;
    float last_value = INFINITY;
    int last_group = -1;
    for (int round = 0; round < chosen_groups; round++) {
      float best_value = -INFINITY;
      int best_group = NO_EXPERT;
      for (int group = lane; group < groups; group += LANES) {
        float value = group_value(&token, group * size, size, best_of_group);
        if (before(last_value, last_group, value, group)
            && before(value, group, best_value, best_group)) {
          best_value = value;
          best_group = group;
        }
      }
      first_of_lanes(lanes, numbers, &best_value, &best_group);
      last_value = best_value;
      last_group = best_group;
      open |= 1ul << best_group;
    }
  }

  float last_value = INFINITY;
  int last = -1;
  float weight_sum = 0.0f;
  for (int place = 0; place < chosen; place++) {
    float best_value = -INFINITY;
    int best = NO_EXPERT;
    for (int expert = lane; expert < columns; expert += LANES) {
      if (groups > 1 && (open >> (expert / size) & 1) == 0) {
        continue;
      }
      float value = value_of(&token, expert);
      if (before(last_value, last, value, expert) && before(value, expert, best_value, best)) {
        best_value = value;
        best = expert;
      }
    }
    first_of_lanes(lanes, numbers, &best_value, &best);
    float weight;
    if (scores == SPARSE_MIXER) {
      float top = token.logits[best];
      float near = 0.0f;
      for (int expert = lane; expert < columns; expert += LANES) {
        float logit = token.logits[expert];
        float reach = fabs(logit) > top ? fabs(logit) : top;
        bool far = (top - logit) / reach > threshold;
        bool left = before(last_value, last, value_of(&token, expert), expert);
        near += far || !left ? 0.0f : exponential(logit - top);
      }
      barrier(CLK_LOCAL_MEM_FENCE);
      weight = 1.0f / combine_lanes(lanes, near);
    } else {
      weight = score_of(&token, best);
    }
    last_value = best_value;
    last = best;
    weight_sum += weight;
    if (writes) {
      expert_places[place] = best;
      weight_places[place] = weight;
    }
  }
  float divisor = weight_sum < least ? least : weight_sum;
  for (int place = 0; writes && place < chosen; place++) {
    float weight = weight_places[place];
    weight_places[place] = (renormalize ? weight / divisor : weight) * scale;
  }
}
