// Rotary position embedding in place, of pairs of a head's features; what is in no pair stays as it is. The first
// features of a head's pairs are `step` apart, the two of a pair `distance`: 1 and `pairs` where the pairs are made of
// two halves, 2 and 1 where they are neighbours.
//
// A work-item takes one pair at a time, neighbours take neighbours. 8 bytes are read and 8 written for each pair; cosines
// and sines, [positions, pairs], are small enough to stay in a cache. No local memory. Results are the CPU's to the bit.
//
// (A kernel can't be called rotate: OpenCL C has a function of that name.)
#include "device_pointer.cl"

// Dimension 0 goes over a row's pairs, dimension 1 over the rows, of which a work-item may have several, since some
// devices limit dimension 1.
__kernel void rotate_pairs(
    __global float *x, ulong x_offset, __global const float *cosines, ulong cosines_offset,
    __global const float *sines, ulong sines_offset, int rows, int columns, int head_size,
    int first, int pairs, int step, int distance, int positions) {
  int pair = (int)get_global_id(0);
  if (pair >= columns / head_size * pairs) {
    return;
  }
  int i = pair % pairs;
  int column = pair / pairs * head_size + first + i * step;
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    long angle = row % positions * pairs + i;
    float c = CONST_POINTER(float, cosines)[angle];
    float s = CONST_POINTER(float, sines)[angle];
    __global float *at = POINTER(float, x) + row * columns + column;
    float a = at[0];
    float b = at[distance];
    at[0] = a * c - b * s;
    at[distance] = b * c + a * s;
  }
}
