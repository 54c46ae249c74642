// A linear layer for one to four tokens, as when a text is generated, on devices whose work-items are threads: out[t, o]
// is the sum over c of x[t, c] * w[o, c], plus bias[o]. The time is that of reading the weights, each once for all tokens.
//
//   linear_row_runs  a work-item for each feature and run of RUN columns: a chain of fused multiply-adds for each token
//   linear_row_sums  a work-item for each feature and token: the runs' chains, added in order, and the bias
//
// The sum is the CPU's to the bit. Chains are [runs, tokens, features] floats, 1/64 of the bytes of 16-bit weights for a
// token, written and read again. A work-item's chain goes along its row, its neighbour's row is the next feature's: so a
// group loads TILE columns of its ITEMS rows to local memory, neighbours neighbouring columns, and reads them from there
// along the rows, which are an odd number of words apart. Local memory: 9 KiB of 16-bit weights, 17 KiB of F32.
#include "device_pointer.cl"
#include "widen.cl"

#define RUN 256
#define MOST_TOKENS 4
#define TILE 16
#define PITCH (TILE + 4 / (int)sizeof(weight_t))

__kernel void linear_row_runs(
    __global const float *x, ulong x_offset, __global const weight_t *w, ulong w_offset, long stride,
    __global float *chains, ulong chains_offset, int tokens, int columns, int features) {
  __local weight_t tile[ITEMS][PITCH];
  int item = (int)get_local_id(0);
  int first_feature = (int)get_group_id(0) * ITEMS;
  int run = (int)get_global_id(1);
  int first = run * RUN;
  int depth = min(RUN, columns - first);
  __global const float *from = CONST_POINTER(float, x) + first;
  __global const weight_t *weights = CONST_POINTER(weight_t, w) + first_feature * stride + first;
  float chain[MOST_TOKENS] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (int start = 0; start < depth; start += TILE) {
    int width = min(TILE, depth - start);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item % TILE < width) {
      for (int row = item / TILE; row < min(ITEMS, features - first_feature); row += ITEMS / TILE) {
        tile[row][item % TILE] = weights[row * stride + start + item % TILE];
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int c = 0; c < width; c++) {
      float weight = widen(tile[item][c]);
      for (int t = 0; t < MOST_TOKENS; t++) {
        chain[t] = fma(from[(long)min(t, tokens - 1) * columns + start + c], weight, chain[t]);
      }
    }
  }
  if (first_feature + item < features) {
    __global float *to = POINTER(float, chains) + (long)run * tokens * features + first_feature + item;
    for (int t = 0; t < MOST_TOKENS; t++) {
      if (t < tokens) {
        to[(long)t * features] = chain[t];
      }
    }
  }
}

__kernel void linear_row_sums(
    __global const float *chains, ulong chains_offset, __global const float *bias, ulong bias_offset,
    __global float *out, ulong out_offset, long out_stride, int tokens, int columns, int features) {
  int feature = (int)get_global_id(0);
  int token = (int)get_global_id(1);
  if (feature >= features || token >= tokens) {
    return;
  }
  __global const float *own = CONST_POINTER(float, chains) + (long)token * features + feature;
  float sum = columns > 0 ? own[0] : 0.0f;
  for (int run = 1; run * RUN < columns; run++) {
    sum += own[(long)run * tokens * features];
  }
  if (bias != 0) {
    sum += CONST_POINTER(float, bias)[feature];
  }
  POINTER(float, out)[token * out_stride + feature] = sum;
}
