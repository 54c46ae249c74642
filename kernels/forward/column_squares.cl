// Running sums of the squares of each column of an activation matrix [tokens, columns], F32, F16 or BF16.
//
// A square is rounded to float32, the squares of 32 consecutive tokens are summed in order from 0, as on the CPU; there
// such a run's result is then added to a double. Here it is added to a pair of floats, which holds 48 bits. The order
// is fixed, so a run repeats to the bit.
//
// column_squares_blocks: work-item (c, b) takes column c of block b, which is up to 256 tokens, and writes its pair to
// partials [blocks, 2, columns]; it takes further blocks where there are more than dimension 1 has places for, since
// some devices limit that. Neighbours take neighbouring columns, so that a work-group reads whole lines; a matrix of
// few columns has many blocks, one of few tokens has many columns: either way there are tokens * columns / 256
// work-items. Reads 4 bytes (2 of 16-bit types, which are widened exactly) for each element and writes 8 for each 256.
//
// column_squares_fold: a work-item for each column adds the partials to the running sums, in order. column_sums: writes the
// running sums out. No local memory.
#include "device_pointer.cl"
#include "exact_sum.cl"
#include "widen.cl"

#define RUN 32
#define BLOCK 256

__kernel void column_squares_blocks(
    __global const weight_t *x, ulong x_offset, __global float *partials, ulong partials_offset,
    int rows, int columns, long stride) {
  int column = (int)get_global_id(0);
  if (column >= columns) {
    return;
  }
  long blocks = ((long)rows + BLOCK - 1) / BLOCK;
  for (long block = (long)get_global_id(1); block < blocks; block += get_global_size(1)) {
    long first = block * BLOCK;
    __global const weight_t *from = CONST_POINTER(weight_t, x) + first * stride + column;
    int left = (int)min(rows - first, (long)BLOCK);
    float2 sum = (float2)(0.0f, 0.0f);
    for (int run = 0; run < left; run += RUN) {
      float squares = 0.0f;
      for (int t = run; t < min(run + RUN, left); t++) {
        float value = widen(from[t * stride]);
        squares += value * value;
      }
      sum = add_exactly(sum, squares);
    }
    __global float *to = POINTER(float, partials) + 2L * block * columns + column;
    to[0] = sum.x;
    to[columns] = sum.y;
  }
}

__kernel void column_squares_fold(
    __global const float *partials, ulong partials_offset, int blocks, __global float *state,
    ulong state_offset, int columns) {
  int column = (int)get_global_id(0);
  if (column >= columns) {
    return;
  }
  __global float *at = POINTER(float, state) + column;
  __global const float *from = CONST_POINTER(float, partials) + column;
  float2 sum = (float2)(at[0], at[columns]);
  for (int block = 0; block < blocks; block++) {
    sum = add_exactly(sum, from[2L * block * columns]);
    sum = add_exactly(sum, from[(2L * block + 1) * columns]);
  }
  at[0] = sum.x;
  at[columns] = sum.y;
}

__kernel void column_sums(
    __global const float *state, ulong state_offset, __global float *sums, ulong sums_offset,
    long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    POINTER(float, sums)[i] = CONST_POINTER(float, state)[i];
  }
}
