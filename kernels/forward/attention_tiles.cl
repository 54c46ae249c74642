// Causal attention, softmax(softcap(q k^T * scale) + key_bias) v over the keys of a window, in one pass over them with
// an online softmax (Milakov and Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135): scores never leave the
// work-group.
//
// A work-group of 16 x 16 takes 64 queries of one head of one sequence (on devices with small groups one of 16 x 8
// takes 32, one of 16 x 4 takes 16) and goes through tiles of 64 keys, from the one in which the first query's window
// begins up to the queries' own; others are not looked at. For each tile:
//  1. scores, 64 x 64, 4 x 4 in each work-item's registers: queries and keys come 16 features at a time, transposed,
//     through local memory; then they are bounded by a softcap, and biased, where that is asked for;
//  2. softmax, 4 work-items for each query: the highest score so far, exp(score - highest) in place of the scores,
//     their sum, and the factor exp(highest before - highest now) by which what was added up before has to shrink;
//  3. values, a few keys at a time through local memory: each work-item adds to the results of 4 queries, PARTS
//     features of each, in registers.
// At the end the results are divided by the sums. Heads of more than 256 features are made in parts of 256, for each
// of which the scores are computed again.
//
// Keys and values are read once for each 64 queries of each head: 8 * head_size * keys bytes for 4 * 64 * head_size *
// keys operations, so the limit is arithmetic. Local memory: 64 x 65 scores, 8.5 KiB for what passes through, 2.3 KiB
// of softmax: 27 KiB, and with 16 queries 11 KiB.
//
// The highest score begins as the head's sink, if there is one, and the sum as its 1: one more key, which has no value.
// Else the highest score begins as the lowest finite float: a score of -Infinity is then exp(-Infinity), never exp(NaN),
// and a comparison passes over NaN as the CPU's does. Neither a later token of the same sequence nor another sequence
// has any influence, whatever it holds.
//
// PARTS: results of a work-item for each query: 16 * PARTS is at least the head's size or 256. WINDOWED, BOUNDED,
// BIASED: 1 where there is a window, a softcap, a bias of keys, else 0, so that attention without them does nothing for
// them.
#include "device_pointer.cl"
#include "exponential.cl"
#include "tanh.cl"

#define SIDE 16
#define DOWN (ITEMS / SIDE)
#define QUERIES (4 * DOWN)
#define TILE 64
#define DEPTH 16
#define LINE (TILE + 4)
#define QUERY_LINE (QUERIES + 4)
#define SCORES_LINE (TILE + 1)
#define FEATURES (SIDE * PARTS)
#define STAGED_PARTS (DEPTH * (LINE + QUERY_LINE))
// Keys whose values are staged at a time: a divisor of TILE.
#define VALUE_KEYS (PARTS > 8 ? 8 : 16)
#define STAGED_VALUES (VALUE_KEYS * FEATURES)
#define STAGED (STAGED_PARTS > STAGED_VALUES ? STAGED_PARTS : STAGED_VALUES)
#define SHARES 4
#define LOWEST (-0x1.fffffep127f)

// Copies a part of 16 features of some rows, transposed; 0 where there is no such row or feature. Of `lines` rows
// `count` are there; a feature's go to `line_size` floats.
void stage_part(
    __global const float *rows, long stride, int lines, int count, int feature, int size, int line_size,
    __local float *part) {
  int c = (int)get_local_id(0);
  for (int line = (int)get_local_id(1); line < lines; line += DOWN) {
    bool inside = line < count && feature + c < size;
    part[c * line_size + line] = inside ? rows[line * stride + feature + c] : 0.0f;
  }
}

// Adds products of this work-item's 4 queries and 4 keys over a staged part.
void multiply_part(__local const float4 *queries, __local const float4 *keys, float4 *scores) {
  for (int c = 0; c < DEPTH; c++) {
    float4 q = queries[c * (QUERY_LINE / 4) + get_local_id(1)];
    float4 k = keys[c * (LINE / 4) + get_local_id(0)];
    scores[0] = fma((float4)(q.x), k, scores[0]);
    scores[1] = fma((float4)(q.y), k, scores[1]);
    scores[2] = fma((float4)(q.z), k, scores[2]);
    scores[3] = fma((float4)(q.w), k, scores[3]);
  }
}

// Returns this work-item's 4 keys' biases; 0 where there is no such key.
float4 biases_of(__global const float *biases, int count) {
  int key = 4 * (int)get_local_id(0);
  return (float4)(
      key < count ? biases[key] : 0.0f,
      key + 1 < count ? biases[key + 1] : 0.0f,
      key + 2 < count ? biases[key + 2] : 0.0f,
      key + 3 < count ? biases[key + 3] : 0.0f);
}

// Returns the scores that 4 products come to.
float4 finish(float4 products, float scale, float softcap, float4 biases) {
  float4 scores = products * scale;
  if (BOUNDED) {
    scores /= softcap;
    scores.x = hyperbolic_tangent(scores.x);
    scores.y = hyperbolic_tangent(scores.y);
    scores.z = hyperbolic_tangent(scores.z);
    scores.w = hyperbolic_tangent(scores.w);
    scores *= softcap;
  }
  return BIASED ? scores + biases : scores;
}

// Whether a query sees a key that is so many places before it.
bool sees(int distance, int window) {
  return distance >= 0 && (!WINDOWED || distance < window);
}

// Writes 4 scores of a query, -Infinity for keys that it must not see. Its place is counted from the tile's first key.
void write_scores(__local float *line, float4 scores, int place, int window) {
  int key = 4 * (int)get_local_id(0);
  line[key] = sees(place - key, window) ? scores.x : -INFINITY;
  line[key + 1] = sees(place - key - 1, window) ? scores.y : -INFINITY;
  line[key + 2] = sees(place - key - 2, window) ? scores.z : -INFINITY;
  line[key + 3] = sees(place - key - 3, window) ? scores.w : -INFINITY;
}

// Returns the highest score of a quarter of a line, or what it was before.
float highest_of(__local const float *scores, float highest) {
  for (int key = 0; key < TILE / SHARES; key++) {
    highest = scores[key] > highest ? scores[key] : highest;
  }
  return highest;
}

// Replaces a quarter of a line by exponentials; returns their sum.
float exponentials(__local float *scores, float highest) {
  float sum = 0.0f;
  for (int key = 0; key < TILE / SHARES; key++) {
    scores[key] = exponential(scores[key] - highest);
    sum += scores[key];
  }
  return sum;
}

// Copies the values of a few keys, dense; 0 where there is no such key or feature.
void stage_values(
    __global const float *values, long stride, int count, int size, __local float *part) {
  int item = (int)(get_local_id(1) * SIDE + get_local_id(0));
  for (int i = item; i < VALUE_KEYS * FEATURES; i += ITEMS) {
    int key = i / FEATURES;
    int feature = i % FEATURES;
    part[i] = key < count && feature < size ? values[key * stride + feature] : 0.0f;
  }
}

// Adds staged values, weighted, to the results of 4 queries. A value that a query must not see is passed over, since 0
// * NaN is not 0; place is that of the first query, counted from the first staged key.
void add_values(
    __local const float *weights, __local const float *values, int place, int window,
    float results[4][PARTS]) {
  for (int key = 0; key < VALUE_KEYS; key++) {
    __local const float *value = values + key * FEATURES + get_local_id(0);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      float weight = weights[i * SCORES_LINE + key];
      if (sees(place + i - key, window)) {
#pragma unroll
        for (int part = 0; part < PARTS; part++) {
          results[i][part] = fma(weight, value[SIDE * part], results[i][part]);
        }
      }
    }
  }
}

// Dimension 0 goes over tiles of queries, from the last one, which has the most keys; dimension 1 over heads, and
// their parts; dimension 2 over sequences.
__kernel __attribute__((reqd_work_group_size(SIDE, DOWN, 1))) void attention_tiles(
    __global const float *q, ulong q_offset, __global const float *k, ulong k_offset,
    __global const float *v, ulong v_offset, __global const float *key_bias, ulong key_bias_offset,
    __global const float *sinks, ulong sinks_offset, __global float *out, ulong out_offset, int length,
    int heads, int heads_per_key, int head_size, int window, float scale, float softcap) {
  __local float scores[QUERIES * SCORES_LINE];
  __local float4 staged[STAGED / 4];
  __local float shares[QUERIES][SHARES];
  __local float shared_sums[QUERIES][SHARES];
  __local float factors[QUERIES];
  int across = (int)get_local_id(0);
  int down = (int)get_local_id(1);
  int tile = (int)(get_num_groups(0) - 1 - get_group_id(0));
  int head = (int)get_group_id(1) % heads;
  int first_feature = (int)get_group_id(1) / heads * FEATURES;
  int first = tile * QUERIES;
  long stride = (long)heads * head_size;
  long key_stride = (long)(heads / heads_per_key) * head_size;
  long start = (long)get_group_id(2) * length;
  long key_start = start * key_stride + (long)(head / heads_per_key) * head_size;
  long query_start = (start + first) * stride + (long)head * head_size;
  __global const float *queries = CONST_POINTER(float, q) + query_start;
  __global const float *keys = CONST_POINTER(float, k) + key_start;
  __global const float *values = CONST_POINTER(float, v) + key_start + first_feature;
  __global const float *biases = BIASED ? CONST_POINTER(float, key_bias) + (long)head * length : 0;
  __local float *staged_floats = (__local float *)staged;

  // For the softmax: this work-item's query and its quarter of a tile's keys.
  int query = (down * SIDE + across) / SHARES;
  int share = (down * SIDE + across) % SHARES;
  __local float *quarter = scores + query * SCORES_LINE + share * (TILE / SHARES);
  float highest = sinks == 0 ? LOWEST : fmax(LOWEST, CONST_POINTER(float, sinks)[head]);
  float sum = sinks == 0 ? 0.0f : 1.0f;

  float results[4][PARTS];
#pragma unroll
  for (int i = 0; i < 4; i++) {
#pragma unroll
    for (int part = 0; part < PARTS; part++) {
      results[i][part] = 0.0f;
    }
  }

  int first_key = WINDOWED ? max(0, first - window + 1) / TILE * TILE : 0;
  for (int key = first_key; key <= first; key += TILE) {
    float4 products[4] = {(float4)(0.0f), (float4)(0.0f), (float4)(0.0f), (float4)(0.0f)};
    for (int feature = 0; feature < head_size; feature += DEPTH) {
      stage_part(keys + key * key_stride, key_stride, TILE, length - key, feature, head_size, LINE,
          staged_floats);
      stage_part(queries, stride, QUERIES, length - first, feature, head_size, QUERY_LINE,
          staged_floats + DEPTH * LINE);
      barrier(CLK_LOCAL_MEM_FENCE);
      multiply_part(staged + DEPTH * LINE / 4, staged, products);
      barrier(CLK_LOCAL_MEM_FENCE);
    }
    float4 tile_biases = BIASED ? biases_of(biases + key, length - key) : (float4)(0.0f);
    int place = first + 4 * down - key;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      float4 tile_scores = finish(products[i], scale, softcap, tile_biases);
      write_scores(scores + (4 * down + i) * SCORES_LINE, tile_scores, place + i, window);
    }
    barrier(CLK_LOCAL_MEM_FENCE);

    shares[query][share] = highest_of(quarter, highest);
    barrier(CLK_LOCAL_MEM_FENCE);
    float before = highest;
    for (int i = 0; i < SHARES; i++) {
      highest = shares[query][i] > highest ? shares[query][i] : highest;
    }
    float factor = exponential(before - highest);
    shared_sums[query][share] = exponentials(quarter, highest);
    if (share == 0) {
      factors[query] = factor;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    float low = shared_sums[query][0] + shared_sums[query][1];
    float high = shared_sums[query][2] + shared_sums[query][3];
    sum = fma(sum, factor, low + high);

#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int part = 0; part < PARTS; part++) {
        results[i][part] *= factors[4 * down + i];
      }
    }
    for (int staging = 0; staging < TILE; staging += VALUE_KEYS) {
      int at = key + staging;
      stage_values(values + at * key_stride, key_stride, length - at, head_size - first_feature,
          staged_floats);
      barrier(CLK_LOCAL_MEM_FENCE);
      add_values(scores + 4 * down * SCORES_LINE + staging, staged_floats, place - staging, window,
          results);
      barrier(CLK_LOCAL_MEM_FENCE);
    }
  }

  if (share == 0) {
    factors[query] = sum;
  }
  barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    int row = 4 * down + i;
    __global float *to = POINTER(float, out) + query_start + row * stride + first_feature;
#pragma unroll
    for (int part = 0; part < PARTS; part++) {
      int feature = across + SIDE * part;
      if (first + row < length && first_feature + feature < head_size) {
        to[feature] = results[i][part] / factors[row];
      }
    }
  }
}
