// A linear layer for one to TOKENS tokens whose weights are packed, as SparseMatrix has them: a bit for each weight, and
// the values of those whose bit is set. And such weights written out dense, for the kernels that take more tokens.
//
//   linear_sparse  out[t, o] is the sum over c of x[t, c] * w[o, c], plus bias[o]
//   linear_unpack  out[o, c] is w[o, c]
//
// Sums are made as SparseKernels says, to the bit: work-item (l, o) of a group of 32 x FEATURES adds up feature o's columns l,
// l + 32 and so on by fused multiply-adds, for a weight that isn't stored with +0.0; then work-items i and i + 16 are
// added, then i and i + 8, i + 4, i + 2, i + 1. All 32 read the same word of mask and count its bits as they go, so none
// waits for another before the end; a value comes after as many as bits are set below its own.
//
// Reads for each feature its values once, columns / 8 bytes of mask and 8 bytes of offset: at half zeros and 16 bits
// 0.5625 of the dense bytes. Of x, 4 bytes a column and token for each feature, from a cache. Unpacking writes each
// weight once. Local memory: 1 KiB.
//
// Edges: a group's features beyond the last repeat it and aren't written, since all work-items have to come to the
// barriers; a missing token repeats the last one. Where rows of the mask don't start at multiples of 4 bytes, words are
// put together from bytes.
#include "device_pointer.cl"
#include "widen.cl"

#ifndef TOKENS
#define TOKENS 1
#endif
#define LANES 32
#define FEATURES (ITEMS / LANES)

// The mask of 32 columns of a row from `column` on, which is one of them; zero beyond the last.
uint mask_word(__global const uchar *row, int column, int columns) {
  if ((columns + 7) / 8 % 4 == 0) {
    return *(__global const uint *)(row + column / 8);
  }
  uint word = 0;
  for (int i = 0; i < 4; i++) {
    word |= column + 8 * i < columns ? (uint)row[column / 8 + i] << 8 * i : 0u;
  }
  return word;
}

__kernel __attribute__((reqd_work_group_size(LANES, FEATURES, 1))) void linear_sparse(
    __global const float *x, ulong x_offset, __global const weight_t *values, ulong values_offset,
    __global const uchar *mask, ulong mask_offset, __global const long *offsets, ulong offsets_offset,
    __global const float *bias, ulong bias_offset, __global float *out, ulong out_offset, long out_stride, int tokens,
    int features, int columns) {
  __local float chains[FEATURES][LANES];
  int lane = (int)get_local_id(0);
  int place = (int)get_local_id(1);
  int feature = (int)get_global_id(1);
  int own = min(feature, features - 1);
  __global const float *from = CONST_POINTER(float, x);
  __global const uchar *row = CONST_POINTER(uchar, mask) + (long)own * ((columns + 7) / 8);
  __global const weight_t *next = CONST_POINTER(weight_t, values) + CONST_POINTER(long, offsets)[own];
  float chain[TOKENS];
  for (int t = 0; t < TOKENS; t++) {
    chain[t] = 0.0f;
  }
  for (int first = 0; first < columns; first += LANES) {
    uint word = mask_word(row, first, columns);
    int column = first + lane;
    float weight = (word >> lane & 1u) ? widen(next[popcount(word & ((1u << lane) - 1u))]) : 0.0f;
    for (int t = 0; t < TOKENS; t++) {
      float factor = column < columns ? from[(long)min(t, tokens - 1) * columns + column] : 0.0f;
      chain[t] = fma(weight, factor, chain[t]);
    }
    next += popcount(word);
  }
  for (int t = 0; t < TOKENS; t++) {
    chains[place][lane] = chain[t];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int width = LANES / 2; width > 0; width /= 2) {
      if (lane < width) {
        chains[place][lane] += chains[place][lane + width];
      }
      barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (lane == 0 && t < tokens && feature < features) {
      float sum = chains[place][0];
      POINTER(float, out)[t * out_stride + feature] = bias == 0 ? sum : sum + CONST_POINTER(float, bias)[feature];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
}

__kernel __attribute__((reqd_work_group_size(LANES, FEATURES, 1))) void linear_unpack(
    __global const weight_t *values, ulong values_offset, __global const uchar *mask, ulong mask_offset,
    __global const long *offsets, ulong offsets_offset, __global weight_t *out, ulong out_offset, long stride,
    int features, int columns) {
  int lane = (int)get_local_id(0);
  int feature = (int)get_global_id(1);
  if (feature >= features) {
    return;
  }
  __global const uchar *row = CONST_POINTER(uchar, mask) + (long)feature * ((columns + 7) / 8);
  __global const weight_t *next = CONST_POINTER(weight_t, values) + CONST_POINTER(long, offsets)[feature];
  __global weight_t *to = POINTER(weight_t, out) + feature * stride;
  for (int first = 0; first < columns; first += LANES) {
    uint word = mask_word(row, first, columns);
    if (first + lane < columns) {
      to[first + lane] = (word >> lane & 1u) ? next[popcount(word & ((1u << lane) - 1u))] : 0;
    }
    next += popcount(word);
  }
}
