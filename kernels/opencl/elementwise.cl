// Operations that touch each element once: as fast as memory, whatever they compute. A work-item takes one element (of
// rotate, one pair at a time), neighbours take neighbours, so that a work-group of 256 reads and writes whole lines. No
// local memory. Results are the CPU's to the bit.
//
//   add            reads 8 bytes and writes 4 for each element
//   silu_multiply  reads 8 bytes and writes 4 for each element
//   rotate         reads 8 bytes and writes 8 for each pair; cosines and sines, [positions,
//                  head_size / 2], are small enough to stay in a cache
#include "places.cl"
#include "exponential.cl"

__kernel void add(
    __global float *x, ulong x_offset, __global const float *y, ulong y_offset, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    PLACE(float, x)[i] += CONST_PLACE(float, y)[i];
  }
}

// The result may be either input: an element is read before it is written, by one work-item.
__kernel void silu_multiply(
    __global const float *gate, ulong gate_offset, __global const float *up, ulong up_offset,
    __global float *out, ulong out_offset, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    float g = CONST_PLACE(float, gate)[i];
    float silu = g / (1.0f + exponential(-g));
    PLACE(float, out)[i] = silu * CONST_PLACE(float, up)[i];
  }
}

// Dimension 0 goes over a row's pairs, dimension 1 over the rows, of which a work-item may have several, since some
// devices limit dimension 1.
__kernel void rotate_pairs(
    __global float *x, ulong x_offset, __global const float *cosines, ulong cosines_offset,
    __global const float *sines, ulong sines_offset, int rows, int columns, int head_size,
    int positions) {
  int pair = (int)get_global_id(0);
  if (pair >= columns / 2) {
    return;
  }
  int width = head_size / 2;
  int i = pair % width;
  int column = pair / width * head_size + i;
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    long angle = row % positions * width + i;
    float c = CONST_PLACE(float, cosines)[angle];
    float s = CONST_PLACE(float, sines)[angle];
    __global float *at = PLACE(float, x) + row * columns + column;
    float a = at[0];
    float b = at[width];
    at[0] = a * c - b * s;
    at[width] = b * c + a * s;
  }
}
