// A linear layer for GPUs: out[t, o] is the sum over c of x[t, c] * w[o, c], plus bias[o].
//
// A work-group of 16 x 16 makes a tile of TILE_TOKENS x 64 results; on devices with small groups it is 16 x 8 or 16 x 4,
// and its tile has fewer tokens. It goes through the columns 16 at a time: both operands' parts are widened and laid
// down transposed in local memory, and each work-item multiplies its own ROWS x 4 results from there, reading ROWS + 4
// floats for 4 * ROWS multiply-adds. While it does, the next parts are already on their way to its registers.
//
// The sum is the CPU's to the bit: fused multiply-adds in order within a run of 256 columns, from 0; runs added in
// order; then the bias. So there are two sets of sums, 8 * ROWS registers.
//
// ROWS is 8 (tiles of 128 tokens), or 4 (64) where there are few tokens. Each weight is read once for TILE_TOKENS
// tokens and each activation once for 64 features: with 128 tokens and float32 that is 1/16 + 1/32 bytes for a
// multiply-add, so that a device of 20 Tflop/s asks its caches for about 1 TB/s. Local memory: 16 * (TILE_TOKENS + 64 +
// 8) floats, 12.5 KiB or 8.5 KiB.
#include "device_pointer.cl"
#include "widen.cl"

#define RUN 256
#define SIDE 16
#define DOWN (ITEMS / SIDE)
#define DEPTH 16
#define COLUMNS 4
#define TILE_TOKENS (DOWN * ROWS)
#define TILE_FEATURES (SIDE * COLUMNS)
// Features of a tile of which a work-item reads a column.
#define FETCHED (TILE_FEATURES / DOWN)
// A line's length is a multiple of 4, for vectors, and neighbours in depth fall into other banks.
#define PADDING 4

// Reads the work-item's elements of 16 columns of activations, 0 past the last token or column.
void fetch_tokens(__global const float *x, int columns, int tokens, int column, float part[ROWS]) {
  int c = column + (int)get_local_id(0);
#pragma unroll
  for (int i = 0; i < ROWS; i++) {
    int line = (int)get_local_id(1) + DOWN * i;
    part[i] = line < tokens && c < columns ? x[(long)line * columns + c] : 0.0f;
  }
}

// Does the same for weights, and widens them.
void fetch_weights(
    __global const weight_t *w, long stride, int columns, int features, int column,
    float part[FETCHED]) {
  int c = column + (int)get_local_id(0);
#pragma unroll
  for (int i = 0; i < FETCHED; i++) {
    int line = (int)get_local_id(1) + DOWN * i;
    part[i] = line < features && c < columns ? widen(w[line * stride + c]) : 0.0f;
  }
}

// Dimension 0 goes over tiles of features, dimension 1 over tiles of tokens.
__kernel __attribute__((reqd_work_group_size(SIDE, DOWN, 1))) void linear_tiles(
    __global const float *x, ulong x_offset, __global const weight_t *w, ulong w_offset,
    long w_stride, __global const float *bias, ulong bias_offset, __global float *out,
    ulong out_offset, long out_stride, int tokens, int columns, int features) {
  __local float4 token_lines[DEPTH * (TILE_TOKENS + PADDING) / 4];
  __local float4 feature_lines[DEPTH * (TILE_FEATURES + PADDING) / 4];
  __local float *token_tile = (__local float *)token_lines;
  __local float *feature_tile = (__local float *)feature_lines;
  int across = (int)get_local_id(0);
  int down = (int)get_local_id(1);
  int first_feature = (int)get_group_id(0) * TILE_FEATURES;
  int first_token = (int)get_group_id(1) * TILE_TOKENS;
  __global const float *from = CONST_POINTER(float, x) + (long)first_token * columns;
  __global const weight_t *weights = CONST_POINTER(weight_t, w) + first_feature * w_stride;

  float4 sums[ROWS];
  float4 chains[ROWS];
  float next_tokens[ROWS];
  float next_features[FETCHED];
#pragma unroll
  for (int t = 0; t < ROWS; t++) {
    sums[t] = (float4)(0.0f);
    chains[t] = (float4)(0.0f);
  }
  fetch_tokens(from, columns, tokens - first_token, 0, next_tokens);
  fetch_weights(weights, w_stride, columns, features - first_feature, 0, next_features);
  for (int column = 0; column < columns; column += DEPTH) {
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      token_tile[across * (TILE_TOKENS + PADDING) + down + DOWN * i] = next_tokens[i];
    }
#pragma unroll
    for (int i = 0; i < FETCHED; i++) {
      feature_tile[across * (TILE_FEATURES + PADDING) + down + DOWN * i] = next_features[i];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    int next = column + DEPTH;
    fetch_tokens(from, columns, tokens - first_token, next, next_tokens);
    fetch_weights(weights, w_stride, columns, features - first_feature, next, next_features);
    for (int c = 0; c < DEPTH; c++) {
      float4 b = feature_lines[c * ((TILE_FEATURES + PADDING) / 4) + across];
#pragma unroll
      for (int i = 0; i < ROWS / 4; i++) {
        float4 a = token_lines[c * ((TILE_TOKENS + PADDING) / 4) + down * (ROWS / 4) + i];
        chains[4 * i] = fma((float4)(a.x), b, chains[4 * i]);
        chains[4 * i + 1] = fma((float4)(a.y), b, chains[4 * i + 1]);
        chains[4 * i + 2] = fma((float4)(a.z), b, chains[4 * i + 2]);
        chains[4 * i + 3] = fma((float4)(a.w), b, chains[4 * i + 3]);
      }
    }
    if (next % RUN == 0 || next >= columns) {
#pragma unroll
      for (int t = 0; t < ROWS; t++) {
        sums[t] = column < RUN ? chains[t] : sums[t] + chains[t];
        chains[t] = (float4)(0.0f);
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }

  int feature = first_feature + COLUMNS * across;
#pragma unroll
  for (int t = 0; t < ROWS; t++) {
    int token = first_token + ROWS * down + t;
    float results[COLUMNS] = {sums[t].x, sums[t].y, sums[t].z, sums[t].w};
    __global float *to = POINTER(float, out) + token * out_stride + feature;
#pragma unroll
    for (int o = 0; o < COLUMNS; o++) {
      if (token < tokens && feature + o < features) {
        to[o] = bias == 0 ? results[o] : results[o] + CONST_POINTER(float, bias)[feature + o];
      }
    }
  }
}
