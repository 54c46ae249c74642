// Copies groups of columns.
//
// A work-item takes one element of a row's groups at a time; dimension 0 goes over the columns, dimension 1 over the rows, of
// which a work-item may have several, since some devices limit dimension 1. A work-group of 256 reads and writes whole
// lines, but for the ends of groups of columns: 4 bytes in and 4 out for each element. No local memory. Results are the
// CPU's to the bit.
#include "device_pointer.cl"

// Groups of width columns, from_stride apart from column first on, to_stride apart from column out_first on.
__kernel void gather_columns(
    __global const float *source, ulong source_offset, int source_columns, int first, int width,
    int from_stride, __global float *out, ulong out_offset, int out_columns, int out_first,
    int to_stride, int rows, int columns) {
  int column = (int)get_global_id(0);
  if (column >= columns) {
    return;
  }
  int from = first + column / width * from_stride + column % width;
  int to = out_first + column / width * to_stride + column % width;
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    POINTER(float, out)[row * out_columns + to] =
        CONST_POINTER(float, source)[row * source_columns + from];
  }
}
