// SparseGPT (Frantar and Alistarh, arXiv 2301.00774, algorithm 1) within a block of columns, all rows at once: scores,
// pruning column by column with the columns to the right making up for it, and the sum of what blocks before change. The
// formulas, and the order in which a weight is changed, are those of SparseGptKernels, so that results have the CPU's bits;
// what a block passes on is a linear layer between these kernels.
//
//   sparse_gpt_scores  w * w / (u * u) of a block's weights, 0 where a column is dead
//   sparse_gpt_prune   prunes a block's columns from left to right
//   sparse_gpt_add     adds to columns
//
// `block` has the factor's rows of the block, `upper_stride` elements apart, and behind them which columns are dead. A
// work-group has a row; work-item t has the columns t, t + ITEMS and so on to itself, and the change of the column that is
// taken is passed to all by local memory, 8 bytes, one barrier a column. With groups, what goes of one is chosen when its
// first column is reached: a work-item counts what scores lower. For each row of a block of n columns sparse_gpt_prune reads
// n * n / 2 of the factor and changes as many weights, from caches; of device memory it moves 16 * n bytes.
#include "device_pointer.cl"

static float score_of(float weight, float diagonal, float dead) {
  return dead != 0.0f ? 0.0f : weight * weight / (diagonal * diagonal);
}

// The bits of a score order as its value does, and a NaN last.
static int key_of(
    __global const float *row, __global const float *block, int upper_stride, __global const float *dead, int c) {
  return as_int(score_of(row[c], block[c * upper_stride + c], dead[c])) & 0x7fffffff;
}

__kernel void sparse_gpt_scores(
    __global const float *w, ulong w_offset, long stride, __global const float *block, ulong block_offset,
    int upper_stride, __global float *out, ulong out_offset, int rows, int columns) {
  int c = (int)get_global_id(0);
  __global const float *upper = CONST_POINTER(float, block);
  for (long row = (long)get_global_id(1); c < columns && row < rows; row += (long)get_global_size(1)) {
    float weight = CONST_POINTER(float, w)[row * stride + c];
    float dead = upper[columns * upper_stride + c];
    POINTER(float, out)[row * columns + c] = score_of(weight, upper[c * upper_stride + c], dead);
  }
}

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void sparse_gpt_prune(
    __global float *w, ulong w_offset, __global float *kept, ulong kept_offset, long stride,
    __global const float *block, ulong block_offset, int upper_stride, int threshold, int pruned, int size,
    __global float *changes, ulong changes_offset, int rows, int columns) {
  __local float change[2];
  __global float *row = POINTER(float, w) + (long)get_group_id(0) * stride;
  __global float *marks = POINTER(float, kept) + (long)get_group_id(0) * stride;
  __global float *left = POINTER(float, changes) + (long)get_group_id(0) * columns;
  __global const float *upper = CONST_POINTER(float, block);
  __global const float *dead = upper + columns * upper_stride;
  // The work-item's next column.
  int next = (int)get_local_id(0);
  for (int first = 0; first < columns; first += size) {
    int end = first + size;
    barrier(CLK_GLOBAL_MEM_FENCE);
    for (int c = next; c < end; c += ITEMS) {
      int own = key_of(row, upper, upper_stride, dead, c);
      int before = 0;
      for (int other = first; other < end && pruned > 0; other++) {
        int compared = key_of(row, upper, upper_stride, dead, other);
        before += compared < own || (compared == own && other < c) ? 1 : 0;
      }
      marks[c] = dead[c] != 0.0f || own <= threshold || before < pruned ? 0.0f : 1.0f;
    }
    barrier(CLK_GLOBAL_MEM_FENCE);
    for (int column = first; column < end; column++) {
      if (column == next) {
        bool gone = marks[column] == 0.0f;
        float taken = gone ? -(row[column] / upper[column * upper_stride + column]) : 0.0f;
        change[column % 2] = taken;
        left[column] = taken;
        row[column] = gone ? 0.0f : row[column];
        next += ITEMS;
      }
      barrier(CLK_LOCAL_MEM_FENCE);
      for (int c = next; c < columns; c += ITEMS) {
        row[c] = fma(change[column % 2], upper[column * upper_stride + c], row[c]);
      }
    }
  }
}

__kernel void sparse_gpt_add(
    __global const float *terms, ulong terms_offset, __global float *w, ulong w_offset, long stride, int rows,
    int columns) {
  int c = (int)get_global_id(0);
  for (long row = (long)get_global_id(1); c < columns && row < rows; row += (long)get_global_size(1)) {
    POINTER(float, w)[row * stride + c] += CONST_POINTER(float, terms)[row * columns + c];
  }
}
