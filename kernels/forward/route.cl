// The choice of experts: the k most probable ones of each token by the softmax of its logits, equal ones from the
// lowest on, and their probabilities, which may be divided by their sum. Experts and weights are the CPU's to the bit.
//
// A work-group of 16 x 16 takes 16 tokens (lane_sum.cl) and goes through their logits k + 2 times: for the highest
// logit, for the sum of exp(logit - highest), and for each expert that is chosen. Probabilities are not kept, so there
// may be any number of experts: each time they are computed again, about 25 operations for one, where the layer that
// made the logit took two for each of thousands of features. Nor is it kept which experts were chosen. A round takes
// the first of those that come after the last round's choice, in the order of falling probability and rising number.
// Reads 4 * (k + 2) bytes for each logit, mostly from a cache, and writes 8 * k for each token. Local memory: 2 KiB.
//
// A comparison with NaN is false, so NaN is passed over for the highest logit; it ends up in the sum, and so in all of
// the token's probabilities, which then are equal.
#include "device_pointer.cl"
#include "exponential.cl"
#include "lane_sum.cl"

#define NO_EXPERT INT_MAX
// What a probability of NaN counts as, and below it that of no expert.
#define LEAST (-1.0f)
#define NONE (-2.0f)

// Whether an expert comes before another one.
bool before(float probability, int expert, float other_probability, int other) {
  return probability > other_probability || (probability == other_probability && expert < other);
}

// Returns a logit's probability, or what NaN counts as.
float probability_of(float logit, float highest, float sum) {
  float probability = exponential(logit - highest) / sum;
  return probability >= 0.0f ? probability : LEAST;
}

__kernel __attribute__((reqd_work_group_size(LANES, ROWS_PER_GROUP, 1))) void route(
    __global const float *logits, ulong logits_offset, int chosen, int renormalize,
    __global int *experts, ulong experts_offset, __global float *weights, ulong weights_offset,
    int rows, int columns) {
  __local float lanes[ROWS_PER_GROUP][LANES];
  __local int numbers[ROWS_PER_GROUP][LANES];
  int lane = (int)get_local_id(0);
  int group_row = (int)get_local_id(1);
  int row = (int)get_global_id(1);
  // Work-items without a row go through the last one, since all have to reach the barriers.
  long token = min(row, rows - 1);
  __global const float *from = CONST_POINTER(float, logits) + token * columns;
  __global int *expert_places = POINTER(int, experts) + token * chosen;
  __global float *weight_places = POINTER(float, weights) + token * chosen;
  bool writes = row < rows && lane == 0;

  float highest = -INFINITY;
  for (int c = 0; c < columns; c += LANES) {
    float logit = c + lane < columns ? from[c + lane] : -INFINITY;
    highest = logit > highest ? logit : highest;
  }
  highest = highest_lane(lanes, highest);
  float sum = 0.0f;
  for (int c = 0; c < columns; c += LANES) {
    float term = c + lane < columns ? exponential(from[c + lane] - highest) : 0.0f;
    sum += term;
  }
  sum = combine_lanes(lanes, sum);

  float last_probability = INFINITY;
  int last = -1;
  float weight_sum = 0.0f;
  for (int place = 0; place < chosen; place++) {
    float best_probability = NONE;
    int best = NO_EXPERT;
    for (int c = 0; c < columns; c += LANES) {
      int expert = c + lane;
      float probability =
          expert < columns ? probability_of(from[expert], highest, sum) : NONE;
      if (before(last_probability, last, probability, expert)
          && before(probability, expert, best_probability, best)) {
        best_probability = probability;
        best = expert;
      }
    }
    // Before the first writing the sum was read from the lanes, later the last round's choice.
    barrier(CLK_LOCAL_MEM_FENCE);
    lanes[group_row][lane] = best_probability;
    numbers[group_row][lane] = best;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int l = 0; l < LANES; l++) {
      if (before(lanes[group_row][l], numbers[group_row][l], best_probability, best)) {
        best_probability = lanes[group_row][l];
        best = numbers[group_row][l];
      }
    }
    last_probability = best_probability;
    last = best;
    float weight = best_probability == LEAST ? NAN : best_probability;
    weight_sum += weight;
    if (writes) {
      expert_places[place] = best;
      weight_places[place] = weight;
    }
  }
  if (writes && renormalize) {
    for (int place = 0; place < chosen; place++) {
      weight_places[place] /= weight_sum;
    }
  }
}
