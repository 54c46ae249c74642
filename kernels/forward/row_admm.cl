// The row work of ALPS (arXiv 2406.07831): an alternation between weights T and what their mask keeps of them, beside its
// products, and the mask of the largest magnitudes. The formulas are those of RowFitting and LayerFitting; each element by
// itself, rounded as there, so that results have the CPU's bits.
//
//   row_scale        weights for inputs whose second moments have a diagonal of 1
//   row_unscale      weights for the inputs again
//   row_admm_input   what is multiplied with the inverse
//   row_admm_update  the next T
//   row_keep         the mask of magnitudes above a threshold
//   row_group_keep   the mask of all but the lowest magnitudes of each group, of equal ones the first pruned
//
// A work-item has an element, in groups of any size. row_scale moves 8 bytes an element, row_unscale 12, row_admm_input 16,
// row_admm_update 20, row_keep 8; row_group_keep reads the element's group, from the cache but for 8 bytes. A step is bound by
// its product of 2 * columns operations an element. No local memory.
#include "device_pointer.cl"
#pragma OPENCL EXTENSION cl_khr_fp64 : enable

// What a column is multiplied with, in float64.
static double column_scale(__global const float *diagonal, int column, double unit) {
  return sqrt((double)diagonal[column]) * unit;
}

__kernel void row_scale(
    __global const float *w, ulong w_offset, __global const float *diagonal, ulong diagonal_offset, double unit,
    __global float *out, ulong out_offset, int rows, int columns) {
  int c = (int)get_global_id(0);
  for (long row = (long)get_global_id(1); c < columns && row < rows; row += (long)get_global_size(1)) {
    double scale = column_scale(CONST_POINTER(float, diagonal), c, unit);
    long i = row * columns + c;
    POINTER(float, out)[i] = (float)((double)CONST_POINTER(float, w)[i] * scale);
  }
}

__kernel void row_unscale(
    __global const float *w, ulong w_offset, __global const float *diagonal, ulong diagonal_offset, double unit,
    __global float *x, ulong x_offset, int rows, int columns) {
  int c = (int)get_global_id(0);
  for (long row = (long)get_global_id(1); c < columns && row < rows; row += (long)get_global_size(1)) {
    double scale = column_scale(CONST_POINTER(float, diagonal), c, unit);
    long i = row * columns + c;
    __global float *element = POINTER(float, x) + i;
    *element = scale == 0.0 ? CONST_POINTER(float, w)[i] : (float)((double)*element / scale);
  }
}

__kernel void row_admm_input(
    __global const float *w, ulong w_offset, __global const float *kept, ulong kept_offset, __global const float *t,
    ulong t_offset, float fall, __global float *out, ulong out_offset, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    float value = CONST_POINTER(float, t)[i];
    float target = CONST_POINTER(float, kept)[i] != 0.0f ? value : -(value * fall);
    POINTER(float, out)[i] = target - CONST_POINTER(float, w)[i];
  }
}

__kernel void row_admm_update(
    __global const float *w, ulong w_offset, __global const float *kept, ulong kept_offset,
    __global const float *products, ulong products_offset, float fall, float factor, __global float *t, ulong t_offset,
    long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    __global float *value = POINTER(float, t) + i;
    float dual = CONST_POINTER(float, kept)[i] != 0.0f ? 0.0f : *value * fall;
    *value = CONST_POINTER(float, w)[i] + factor * CONST_POINTER(float, products)[i] + dual;
  }
}

__kernel void row_keep(
    __global const float *x, ulong x_offset, float threshold, __global float *kept, ulong kept_offset, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    POINTER(float, kept)[i] = fabs(CONST_POINTER(float, x)[i]) <= threshold ? 0.0f : 1.0f;
  }
}

__kernel void row_group_keep(
    __global const float *x, ulong x_offset, int pruned, int size, __global float *kept, ulong kept_offset, int rows,
    int columns) {
  int c = (int)get_global_id(0);
  for (long row = (long)get_global_id(1); c < columns && row < rows; row += (long)get_global_size(1)) {
    __global const float *values = CONST_POINTER(float, x) + row * columns;
    float magnitude = fabs(values[c]);
    int before = 0;
    for (int other = c - c % size; other < c - c % size + size; other++) {
      float compared = fabs(values[other]);
      before += compared < magnitude || (compared == magnitude && other < c) ? 1 : 0;
    }
    POINTER(float, kept)[row * columns + c] = before < pruned ? 0.0f : 1.0f;
  }
}
