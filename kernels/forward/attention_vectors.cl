// Causal attention for devices whose work-items are vector code, which is to say processors:
// softmax(softcap(q k^T * scale) + key_bias) v over the keys of a window, in one pass over them, with an online softmax
// as in attention_tiles.cl. Why a work-group is one work-item is written in linear_vectors.cl.
//
// A work-item takes PANEL queries of one head of one sequence, one in each lane of two vectors, transposed once,
// [HEAD_SIZE, PANEL]. So a key's scores, and a softmax's steps, are vectors over queries: nothing is summed across
// lanes. It goes through the keys, from the first one that its first query sees up to its last query's own, in tiles of
// 48. For each tile:
//  1. scores [48, PANEL]: ROWS keys at a time, each of their features spread over a vector and multiplied with the
//     queries', sums in 2 * ROWS registers;
//  2. softmax, of scores that are bounded by a softcap and biased first where that is asked for: the highest score so
//     far, exp(score - highest) in place of the scores, their sum, and the factor exp(highest before - highest now) by
//     which what was added up before has to shrink;
//  3. results [HEAD_SIZE, PANEL]: ROWS features at a time, each value spread over a vector and multiplied with the
//     exponentials, sums in 2 * ROWS registers.
// At the end the results are divided by the sums, and transposed.
//
// Keys and values are read once for each PANEL queries of each head: 8 bytes for 2 * PANEL multiply-adds, so the limit
// is arithmetic. The work-item keeps 2 * HEAD_SIZE * PANEL + 48 * PANEL floats of private memory: 38 KiB for heads of
// 128 features and vectors of 16 floats, which is what a second-level cache is for. No local memory.
//
// The highest score begins as the head's sink, if there is one, and the sum as its 1: one more key, which has no value.
// Else the highest score begins as the lowest finite float: a score of -Infinity is then exp(-Infinity), never exp(NaN),
// and a comparison passes over NaN as the CPU's does. Neither a later token of the same sequence nor another sequence
// has any influence, whatever it holds.
//
// WIDTH: floats of a vector register. ROWS: as many as there are registers for, a divisor of 48. HEAD_SIZE: any.
// WINDOWED, BOUNDED, BIASED: 1 where there is a window, a softcap, a bias of keys, else 0, so that attention without
// them does nothing for them.
#include "device_pointer.cl"
#include "float_vectors.cl"
#include "exponential.cl"
#include "tanh.cl"

#define KEYS 48
#define LOWEST (-0x1.fffffep127f)

// Transposes queries [0, count) to [HEAD_SIZE, PANEL], 0 past the last.
void pack_queries(__global const float *q, long stride, int count, float *panel) {
  for (int i = 0; i < PANEL; i++) {
    for (int d = 0; d < HEAD_SIZE; d++) {
      panel[d * PANEL + i] = i < count ? q[i * stride + d] : 0.0f;
    }
  }
}

// Makes the products of ROWS keys with the queries; those past the last key are of the last key.
void multiply_keys(__global const float *k, long stride, int count, const float *panel, float *scores) {
  __global const float *rows[ROWS];
  vector low[ROWS];
  vector high[ROWS];
#pragma unroll
  for (int t = 0; t < ROWS; t++) {
    rows[t] = k + min(t, count - 1) * stride;
    low[t] = (vector)(0.0f);
    high[t] = (vector)(0.0f);
  }
  for (int d = 0; d < HEAD_SIZE; d++) {
    vector a = load(0, panel + d * PANEL);
    vector b = load(0, panel + d * PANEL + WIDTH);
#pragma unroll
    for (int t = 0; t < ROWS; t++) {
      vector feature = (vector)(rows[t][d]);
      low[t] = fma(feature, a, low[t]);
      high[t] = fma(feature, b, high[t]);
    }
  }
#pragma unroll
  for (int t = 0; t < ROWS; t++) {
    store(low[t], 2 * t, scores);
    store(high[t], 2 * t + 1, scores);
  }
}

// Returns 0, 1, 2 and so on.
whole_vector lanes(void) {
  int numbers[WIDTH];
  for (int i = 0; i < WIDTH; i++) {
    numbers[i] = i;
  }
  return load(0, numbers);
}

// Returns the scores that products with a key come to.
vector finish(vector product, float scale, float softcap, float bias) {
  vector score = product * scale;
  if (BOUNDED) {
    score = softcap * hyperbolic_tangent(score / softcap);
  }
  return BIASED ? score + bias : score;
}

// Tells the queries that don't see a key: those before it, and those whose window begins after it. The key is counted
// from the vector's first query.
whole_vector hidden(whole_vector lane, int key, int window) {
  return WINDOWED ? (lane < key) | (lane >= key + window) : lane < key;
}

// Makes scores of the products of keys [0, count) with one vector of queries, and replaces them by exponentials, which
// are 0 for keys that a query must not see. First is the first key, counted from the vector's first query; biases are
// those of the keys. Returns the factor of what was added up before.
vector weigh(
    float *scores, int count, int first, int window, float scale, float softcap, __global const float *biases,
    vector *highest, vector *sum) {
  whole_vector lane = lanes();
  vector before = *highest;
  vector top = before;
  for (int key = 0; key < count; key++) {
    float bias = BIASED ? biases[key] : 0.0f;
    vector score = finish(load(0, scores + key * PANEL), scale, softcap, bias);
    score = hidden(lane, first + key, window) ? (vector)(-INFINITY) : score;
    top = score > top ? score : top;
    store(score, 0, scores + key * PANEL);
  }
  vector total = (vector)(0.0f);
  for (int key = 0; key < count; key++) {
    vector weight = exponential(load(0, scores + key * PANEL) - top);
    total += weight;
    store(weight, 0, scores + key * PANEL);
  }
  vector factor = exponential(before - top);
  *highest = top;
  *sum = fma(*sum, factor, total);
  return factor;
}

// Returns a value for the queries that see its key, and 0 for the others.
vector hide(vector value, whole_vector lane, int key, int window) {
  return hidden(lane, key, window) ? (vector)(0.0f) : value;
}

// Multiplies ROWS features of values [from, to) with their keys' weights. Where it is asked to, it takes a value that
// a query must not see for 0, since 0 * NaN is not 0; first is as above. A
// compiler that finds it too large to be inlined of its own accord would pass the sums through memory, which took half
// as long again.
__attribute__((always_inline)) void multiply_values(
    __global const float *v, long stride, int from, int to, const int *features, const float *weights, int first,
    int window, bool guarded, vector *low, vector *high) {
  whole_vector lane = lanes();
  for (int key = from; key < to; key++) {
    vector a = load(0, weights + key * PANEL);
    vector b = load(0, weights + key * PANEL + WIDTH);
    __global const float *values = v + key * stride;
#pragma unroll
    for (int t = 0; t < ROWS; t++) {
      vector value = (vector)(values[features[t]]);
      low[t] = fma(guarded ? hide(value, lane, first + key, window) : value, a, low[t]);
      high[t] = fma(guarded ? hide(value, lane + WIDTH, first + key, window) : value, b, high[t]);
    }
  }
}

// Shrinks ROWS features of the results and adds weighted values of keys [0, count), of which every query sees those
// between the last query's window and the first query. Features past the last are the last one, once more.
void add_values(
    __global const float *v, long stride, int count, int first, int window, const float *weights,
    vector low_factor, vector high_factor, int feature, float *results) {
  vector low[ROWS];
  vector high[ROWS];
  int features[ROWS];
#pragma unroll
  for (int t = 0; t < ROWS; t++) {
    features[t] = min(feature + t, HEAD_SIZE - 1);
    low[t] = load(0, results + features[t] * PANEL) * low_factor;
    high[t] = load(0, results + features[t] * PANEL + WIDTH) * high_factor;
  }
  int from = WINDOWED ? clamp(PANEL - window - first, 0, count) : 0;
  int to = clamp(1 - first, from, count);
  if (WINDOWED) {
    multiply_values(v, stride, 0, from, features, weights, first, window, true, low, high);
  }
  multiply_values(v, stride, from, to, features, weights, first, window, false, low, high);
  multiply_values(v, stride, to, count, features, weights, first, window, true, low, high);
#pragma unroll
  for (int t = 0; t < ROWS; t++) {
    store(low[t], 0, results + features[t] * PANEL);
    store(high[t], 0, results + features[t] * PANEL + WIDTH);
  }
}

// Dimension 0 goes over panels of queries, from the last one, which has the most keys; dimension 1 over heads;
// dimension 2 over sequences.
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void attention_vectors(
    __global const float *q, ulong q_offset, __global const float *k, ulong k_offset, __global const float *v,
    ulong v_offset, __global const float *key_bias, ulong key_bias_offset, __global const float *sinks,
    ulong sinks_offset, __global float *out, ulong out_offset, int length, int heads, int heads_per_key, int head_size,
    int window, float scale, float softcap) {
  float queries[HEAD_SIZE * PANEL];
  float results[HEAD_SIZE * PANEL];
  float scores[KEYS * PANEL];
  int first = (int)(get_num_groups(0) - 1 - get_group_id(0)) * PANEL;
  int head = (int)get_group_id(1);
  long stride = (long)heads * HEAD_SIZE;
  long key_stride = (long)(heads / heads_per_key) * HEAD_SIZE;
  long start = (long)get_group_id(2) * length;
  long query_start = (start + first) * stride + (long)head * HEAD_SIZE;
  long key_start = start * key_stride + (long)(head / heads_per_key) * HEAD_SIZE;
  __global const float *keys = CONST_POINTER(float, k) + key_start;
  __global const float *values = CONST_POINTER(float, v) + key_start;
  __global const float *biases = BIASED ? CONST_POINTER(float, key_bias) + (long)head * length : 0;
  int query_count = min(PANEL, length - first);

  pack_queries(CONST_POINTER(float, q) + query_start, stride, query_count, queries);
  for (int i = 0; i < HEAD_SIZE * PANEL; i++) {
    results[i] = 0.0f;
  }
  vector low_highest = (vector)(sinks == 0 ? LOWEST : fmax(LOWEST, CONST_POINTER(float, sinks)[head]));
  vector high_highest = low_highest;
  vector low_sum = (vector)(sinks == 0 ? 0.0f : 1.0f);
  vector high_sum = low_sum;
  for (int key = WINDOWED ? max(0, first - window + 1) : 0; key < first + query_count; key += KEYS) {
    int count = min(KEYS, first + query_count - key);
    for (int t = 0; t < count; t += ROWS) {
      multiply_keys(keys + (key + t) * key_stride, key_stride, count - t, queries, scores + t * PANEL);
    }
    __global const float *tile_biases = BIASED ? biases + key : 0;
    vector low_factor =
        weigh(scores, count, key - first, window, scale, softcap, tile_biases, &low_highest, &low_sum);
    vector high_factor = weigh(scores + WIDTH, count, key - first - WIDTH, window, scale, softcap, tile_biases,
        &high_highest, &high_sum);
    for (int feature = 0; feature < HEAD_SIZE; feature += ROWS) {
      add_values(values + key * key_stride, key_stride, count, key - first, window, scores, low_factor,
          high_factor, feature, results);
    }
  }

  float sums[PANEL];
  store(low_sum, 0, sums);
  store(high_sum, 1, sums);
  __global float *to = POINTER(float, out) + query_start;
  for (int i = 0; i < query_count; i++) {
    for (int d = 0; d < HEAD_SIZE; d++) {
      to[i * stride + d] = results[d * PANEL + i] / sums[i];
    }
  }
}
