// Attention of the last queries of a sequence whose keys and values were kept, as when a text is generated: few queries,
// many keys, so that tiles of queries would be empty and a group for each head too few groups. Four kernels, each with
// a work-item for every sum that can be made by itself; a place is a query and a head. Results are the CPU's to the bit
// where quotients are rounded as IEEE 754 does.
//
//   attention_row_scores   a work-item for each key and place: the product, a chain over RUN features at a time
//   attention_row_softmax  16 lanes for each place (lane_sum.cl): the highest score, exponentials and their sum
//   attention_row_values   a work-item for each feature, run of RUN keys and place: a chain over the run's keys
//   attention_row_sums     a work-item for each feature and place: the runs' chains in order, divided by the sum
//
// All kernels have the same parameters. `past`: tokens before the first query; `first_place`: the place that scores, sums
// and chains begin with, of `places`. Scores are [places, length], sums [places], chains [places, runs, size]; places go
// by query, within a query by head.
// Bound by memory: keys and values are read once for each query head that shares them, scores and chains are written
// and read again. Scores of keys outside a window are neither made nor read.
#include "device_pointer.cl"
#include "exponential.cl"
#include "tanh.cl"
#include "lane_sum.cl"

#define RUN 256

#define PARAMETERS                                                                                               \
  __global const float *q, ulong q_offset, __global const float *k, ulong k_offset, __global const float *v,     \
      ulong v_offset, __global const float *key_bias, ulong key_bias_offset, __global const float *sinks,        \
      ulong sinks_offset, __global float *out, ulong out_offset, __global float *scores, ulong scores_offset,    \
      __global float *sums, ulong sums_offset, __global float *chains, ulong chains_offset, int first_place,     \
      int queries, int length, int past, int heads, int group, int size, int window, float scale, float softcap, \
      int places

// The token of a place's query, which is also the last key that it sees.
int token_of(int place, int heads, int queries, int past) { return past + place / heads % queries; }

int first_key(int token, int window) { return max(0, token - window + 1); }

__kernel void attention_row_scores(PARAMETERS) {
  int key = (int)get_global_id(0);
  int row = (int)get_global_id(1);
  int place = first_place + row;
  int token = token_of(place, heads, queries, past);
  if (key < first_key(token, window) || key > token) {
    return;
  }
  int head = place % heads;
  long width = heads / group * size;
  long sequence = place / heads / queries;
  __global const float *a = CONST_POINTER(float, q) + (long)place * size;
  __global const float *b = CONST_POINTER(float, k) + (sequence * length + key) * width + head / group * size;
  float sum = 0.0f;
  for (int run = 0; run < size; run += RUN) {
    float chain = 0.0f;
    for (int d = run; d < min(size, run + RUN); d++) {
      chain = fma(a[d], b[d], chain);
    }
    sum = run == 0 ? chain : sum + chain;
  }
  float score = sum * scale;
  if (softcap > 0.0f) {
    score = softcap * hyperbolic_tangent(score / softcap);
  }
  if (key_bias != 0) {
    score += CONST_POINTER(float, key_bias)[(long)head * length + key];
  }
  POINTER(float, scores)[(long)row * length + key] = score;
}

__kernel __attribute__((reqd_work_group_size(LANES, ROWS_PER_GROUP, 1))) void attention_row_softmax(PARAMETERS) {
  __local float lanes[ROWS_PER_GROUP][LANES];
  int lane = (int)get_local_id(0);
  int row = (int)get_global_id(1);
  // Work-items without a place go through the last one and write what it writes, since all reach the barriers.
  int own = min(row, places - 1);
  bool writes = row < places;
  int token = token_of(first_place + own, heads, queries, past);
  int first = first_key(token, window);
  int start = first / LANES * LANES + lane;
  __global float *p = POINTER(float, scores) + (long)own * length;
  float sink = sinks == 0 ? -INFINITY : CONST_POINTER(float, sinks)[(first_place + own) % heads];
  float highest = sink;
  for (int j = start; j <= token; j += LANES) {
    highest = j >= first && p[j] > highest ? p[j] : highest;
  }
  highest = highest_lane(lanes, highest);
  float sum = 0.0f;
  for (int j = start; j <= token; j += LANES) {
    if (j >= first && writes) {
      p[j] = exponential(p[j] - highest);
      sum += p[j];
    }
  }
  sum = combine_lanes(lanes, sum);
  if (writes && lane == 0) {
    POINTER(float, sums)[row] = sinks == 0 ? sum : sum + exponential(sink - highest);
  }
}

__kernel void attention_row_values(PARAMETERS) {
  int runs = (length + RUN - 1) / RUN;
  int at = (int)get_global_id(0);
  int row = (int)get_global_id(1);
  int place = first_place + row;
  int token = token_of(place, heads, queries, past);
  int run = at / size;
  int d = at % size;
  int from = max(run * RUN, first_key(token, window));
  int end = min((run + 1) * RUN, token + 1);
  if (run >= runs || from >= end) {
    return;
  }
  long width = heads / group * size;
  long sequence = place / heads / queries;
  __global const float *p = CONST_POINTER(float, scores) + (long)row * length;
  __global const float *column =
      CONST_POINTER(float, v) + sequence * length * width + place % heads / group * size + d;
  float chain = 0.0f;
  for (int j = from; j < end; j++) {
    chain = fma(p[j], column[j * width], chain);
  }
  POINTER(float, chains)[((long)row * runs + run) * size + d] = chain;
}

__kernel void attention_row_sums(PARAMETERS) {
  int runs = (length + RUN - 1) / RUN;
  int d = (int)get_global_id(0);
  int row = (int)get_global_id(1);
  if (d >= size) {
    return;
  }
  int place = first_place + row;
  int token = token_of(place, heads, queries, past);
  int first_run = first_key(token, window) / RUN;
  __global const float *own = CONST_POINTER(float, chains) + (long)row * runs * size + d;
  float sum = own[(long)first_run * size];
  for (int run = first_run + 1; run * RUN <= token; run++) {
    sum += own[(long)run * size];
  }
  POINTER(float, out)[(long)place * size + d] = sum / CONST_POINTER(float, sums)[row];
}
