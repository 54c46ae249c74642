// Columns and rows taken out of a matrix, and rows added to where they came from.
//
// A work-item takes one element of a row at a time; dimension 0 goes over the columns, dimension 1 over the rows, of
// which a work-item may have several, since some devices limit dimension 1. A work-group of 256 reads and writes whole
// lines, but for the ends of gathered groups of columns. No local memory. Results are the CPU's to the bit.
//
//   gather_columns  reads 4 bytes and writes 4 for each element
//   gather_rows     reads 4 bytes and writes 4 for each element
//   add_rows        reads 8 bytes and writes 4 for each element; the rows that are added to are all different, so no
//                   two work-items meet
#include "places.cl"

// Groups of width columns, stride apart, from column first on.
__kernel void gather_columns(
    __global const float *source, ulong source_offset, int source_columns, int first, int width,
    int stride, __global float *out, ulong out_offset, int rows, int columns) {
  int column = (int)get_global_id(0);
  if (column >= columns) {
    return;
  }
  int from = first + column / width * stride + column % width;
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    PLACE(float, out)[row * columns + column] =
        CONST_PLACE(float, source)[row * source_columns + from];
  }
}

__kernel void gather_rows(
    __global const float *x, ulong x_offset, __global const int *places, ulong places_offset,
    __global float *out, ulong out_offset, int rows, int columns) {
  int column = (int)get_global_id(0);
  if (column >= columns) {
    return;
  }
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    long place = CONST_PLACE(int, places)[row];
    PLACE(float, out)[row * columns + column] =
        CONST_PLACE(float, x)[place * columns + column];
  }
}

__kernel void add_rows(
    __global const float *x, ulong x_offset, __global const int *places, ulong places_offset,
    __global const float *factors, ulong factors_offset, __global float *out, ulong out_offset,
    int rows, int columns) {
  int column = (int)get_global_id(0);
  if (column >= columns) {
    return;
  }
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    long place = CONST_PLACE(int, places)[row];
    float factor = CONST_PLACE(float, factors)[row];
    PLACE(float, out)[place * columns + column] +=
        factor * CONST_PLACE(float, x)[row * columns + column];
  }
}
