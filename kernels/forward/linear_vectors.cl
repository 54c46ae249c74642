// A linear layer for devices whose work-items are vector code, which is to say processors: out[t, o] is the sum over c
// of x[t, c] * w[o, c], plus bias[o].
//
// There is no use in local memory that many work-items share where it is the same memory as any other, and a barrier
// in a loop makes the compiler keep every work-item's sums in memory. So a work-group is one work-item, which
// multiplies as processors do (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008): it
// takes PANEL = 2 * WIDTH features and a few hundred tokens, and goes through the columns in runs of 256. Of a run it
// widens and transposes the weights into local memory, [256, PANEL] floats, at most 32 KiB; then it takes ROWS tokens
// at a time, whose products with the panel stay in 2 * ROWS vector registers.
//
// The sum is the CPU's to the bit: fused multiply-adds in order within a run of 256 columns, from 0; runs added in
// order; then the bias. Between the runs the sums are in out.
//
// A weight is read once for the tokens of a group, an activation once for PANEL features, and out is read and written
// once for each run: with float32, 512 tokens and PANEL = 32 those are 4/512 + 4/32 + 8/256 bytes for a multiply-add,
// most of which caches serve. The limit is arithmetic.
//
// WIDTH: floats of a vector register. ROWS: as many as there are registers for.
#include "device_pointer.cl"
#include "float_vectors.cl"
#include "widen.cl"

#define RUN 256

// Widens columns [0, depth) of features [0, features) into panel [depth, PANEL], 0 past the last.
void pack(
    __global const weight_t *w, long stride, int features, int depth, __local float *panel) {
  for (int o = 0; o < PANEL; o++) {
    __global const weight_t *row = w + (long)min(o, features - 1) * stride;
    for (int c = 0; c < depth; c++) {
      panel[c * PANEL + o] = widen(row[c]);
    }
  }
}

// Writes the first features of two vectors, added to what is there if the run is not the first.
void write_sums(__global float *out, vector low, vector high, int features, bool first) {
  if (features == PANEL) {
    store(first ? low : load(0, out) + low, 0, out);
    store(first ? high : load(0, out + WIDTH) + high, 0, out + WIDTH);
    return;
  }
  float sums[PANEL];
  store(low, 0, sums);
  store(high, 0, sums + WIDTH);
  for (int o = 0; o < features; o++) {
    out[o] = first ? sums[o] : out[o] + sums[o];
  }
}

// Multiplies ROWS tokens with the panel; of those past the last token nothing is written.
void multiply(
    __global const float *x, int columns, int tokens, int depth, __local const float *panel,
    __global float *out, long out_stride, int features, bool first) {
  __global const float *rows[ROWS];
  vector low[ROWS];
  vector high[ROWS];
#pragma unroll
  for (int t = 0; t < ROWS; t++) {
    rows[t] = x + (long)min(t, tokens - 1) * columns;
    low[t] = (vector)(0.0f);
    high[t] = (vector)(0.0f);
  }
  for (int c = 0; c < depth; c++) {
    vector a = load(0, panel + c * PANEL);
    vector b = load(0, panel + c * PANEL + WIDTH);
#pragma unroll
    for (int t = 0; t < ROWS; t++) {
      vector value = (vector)(rows[t][c]);
      low[t] = fma(value, a, low[t]);
      high[t] = fma(value, b, high[t]);
    }
  }
#pragma unroll
  for (int t = 0; t < ROWS; t++) {
    if (t < tokens) {
      write_sums(out + t * out_stride, low[t], high[t], features, first);
    }
  }
}

// Dimension 0 goes over panels of features, dimension 1 over tokens_per_group tokens each.
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void linear_vectors(
    __global const float *x, ulong x_offset, __global const weight_t *w, ulong w_offset,
    long w_stride, __global const float *bias, ulong bias_offset, __global float *out,
    ulong out_offset, long out_stride, int tokens, int columns, int features,
    int tokens_per_group) {
  __local float panel[RUN * PANEL];
  int first_feature = (int)get_global_id(0) * PANEL;
  int first_token = (int)get_global_id(1) * tokens_per_group;
  int feature_count = min(PANEL, features - first_feature);
  int token_count = min(tokens_per_group, tokens - first_token);
  __global const float *from = CONST_POINTER(float, x) + (long)first_token * columns;
  __global const weight_t *weights = CONST_POINTER(weight_t, w) + first_feature * w_stride;
  __global float *to = POINTER(float, out) + first_token * out_stride + first_feature;
  for (int run = 0; run == 0 || run < columns; run += RUN) {
    int depth = min(RUN, columns - run);
    pack(weights + run, w_stride, feature_count, depth, panel);
    for (int t = 0; t < token_count; t += ROWS) {
      multiply(from + (long)t * columns + run, columns, token_count - t, depth, panel,
          to + t * out_stride, out_stride, feature_count, run == 0);
    }
  }
  if (bias == 0) {
    return;
  }
  __global const float *biases = CONST_POINTER(float, bias) + first_feature;
  for (int t = 0; t < token_count; t++) {
    for (int o = 0; o < feature_count; o++) {
      to[t * out_stride + o] += biases[o];
    }
  }
}
