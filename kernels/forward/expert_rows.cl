// The rows of tokens on their way to an expert and back.
//
// A work-item takes one element of a row at a time; dimension 0 goes over the columns, dimension 1 over the rows, of
// which a work-item may have several, since some devices limit dimension 1. A work-group of 256 reads and writes whole
// lines. No local memory. Results are the CPU's to the bit.
//
//   gather_rows     reads 4 bytes and writes 4 for each element
//   add_rows        reads 8 bytes and writes 4 for each element; the rows that are added to are all different, so no
//                   two work-items meet
#include "device_pointer.cl"

__kernel void gather_rows(
    __global const float *x, ulong x_offset, __global const int *places, ulong places_offset,
    __global float *out, ulong out_offset, int rows, int columns) {
  int column = (int)get_global_id(0);
  if (column >= columns) {
    return;
  }
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    long place = CONST_POINTER(int, places)[row];
    POINTER(float, out)[row * columns + column] =
        CONST_POINTER(float, x)[place * columns + column];
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
    long place = CONST_POINTER(int, places)[row];
    float factor = CONST_POINTER(float, factors)[row];
    POINTER(float, out)[place * columns + column] +=
        factor * CONST_POINTER(float, x)[row * columns + column];
  }
}
