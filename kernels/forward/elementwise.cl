// Operations that touch each element once: as fast as memory, whatever they compute. A work-item takes one element (of
// rotate, one pair at a time), neighbours take neighbours, so that a work-group of 256 reads and writes whole lines. No
// local memory. Results are the CPU's to the bit.
//
//   add            reads 8 bytes and writes 4 for each element
//   scale          reads 4 bytes and writes 4 for each element
//   softcap        reads 4 bytes and writes 4 for each element
//   rotate         reads 8 bytes and writes 8 for each pair, and leaves what is in no pair alone;
//                  cosines and sines, [positions, pairs], are small enough to stay in a cache
#include "places.cl"
#include "exponential.cl"
#include "tanh.cl"

__kernel void add(
    __global float *x, ulong x_offset, __global const float *y, ulong y_offset, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    PLACE(float, x)[i] += CONST_PLACE(float, y)[i];
  }
}

__kernel void scale(__global float *x, ulong x_offset, float factor, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    PLACE(float, x)[i] *= factor;
  }
}

__kernel void softcap(__global float *x, ulong x_offset, float cap, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    __global float *at = PLACE(float, x) + i;
    *at = cap * hyperbolic_tangent(*at / cap);
  }
}

// Dimension 0 goes over a row's pairs, dimension 1 over the rows, of which a work-item may have several, since some
// devices limit dimension 1.
__kernel void rotate_pairs(
    __global float *x, ulong x_offset, __global const float *cosines, ulong cosines_offset,
    __global const float *sines, ulong sines_offset, int rows, int columns, int head_size,
    int pairs, int positions) {
  int pair = (int)get_global_id(0);
  if (pair >= columns / head_size * pairs) {
    return;
  }
  int i = pair % pairs;
  int column = pair / pairs * head_size + i;
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    long angle = row % positions * pairs + i;
    float c = CONST_PLACE(float, cosines)[angle];
    float s = CONST_PLACE(float, sines)[angle];
    __global float *at = PLACE(float, x) + row * columns + column;
    float a = at[0];
    float b = at[pairs];
    at[0] = a * c - b * s;
    at[pairs] = b * c + a * s;
  }
}
