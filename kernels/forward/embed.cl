// Looks tokens up: row t of the result is row tokens[t] of the table, widened to float32.
//
// A work-item takes one element at a time; dimension 0 goes over the columns, dimension 1 over the tokens, of which a
// work-item may have several, since some devices limit dimension 1. A work-group of 256 reads and writes whole lines.
// Reads the size of a weight and writes 4 bytes for each element; nothing is computed, so that is all the time it
// takes. No local memory.
#include "device_pointer.cl"
#include "widen.cl"

__kernel void embed(
    __global const weight_t *table, ulong table_offset, long table_stride,
    __global const int *tokens, ulong tokens_offset, __global float *out, ulong out_offset,
    int rows, int columns) {
  int column = (int)get_global_id(0);
  if (column >= columns) {
    return;
  }
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    long token = CONST_POINTER(int, tokens)[row];
    POINTER(float, out)[row * columns + column] =
        widen(CONST_POINTER(weight_t, table)[token * table_stride + column]);
  }
}
