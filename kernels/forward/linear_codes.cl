// The chains of linear_rows.cl for quantized weights, read as codes: their bits are those of the weights widened to
// float32, without their 4 bytes being written and read. linear_row_sums adds them up.
//
// A work-item for each feature and run of RUN columns, which looks a scale up where its next block begins.
#include "device_pointer.cl"
#include "codes.cl"

#define RUN 256
#define MOST_TOKENS 4

__kernel void linear_code_runs(
    CODES_PARAMETERS, __global const float *x, ulong x_offset, __global float *chains, ulong chains_offset, int tokens,
    int columns, int features) {
  int feature = (int)get_global_id(0);
  int run = (int)get_global_id(1);
  if (feature >= features) {
    return;
  }
  codes_t w = CODES;
  __global const float *from = CONST_POINTER(float, x);
  float chain[MOST_TOKENS] = {0.0f, 0.0f, 0.0f, 0.0f};
  long scales_from = row_scales(w, feature);
  float none = 0.0f;
  float scale = 0.0f;
  int next = 0;
  for (int column = run * RUN; column < min((run + 1) * RUN, columns); column++) {
    if (column >= next) {
      long index = scales_from + column_group(w, column);
      none = number_of(format, zero_code(w, index));
      scale = scale_at(w, index);
      next = group_of == 0 ? (column / block_columns + 1) * block_columns : column + 1;
    }
    float weight = element(w, code_at(w, feature * row_bits + column * column_bits), none, scale);
    for (int t = 0; t < MOST_TOKENS; t++) {
      chain[t] = fma(from[(long)min(t, tokens - 1) * columns + column], weight, chain[t]);
    }
  }
  __global float *to = POINTER(float, chains) + (long)run * tokens * features + feature;
  for (int t = 0; t < MOST_TOKENS; t++) {
    if (t < tokens) {
      to[(long)t * features] = chain[t];
    }
  }
}
