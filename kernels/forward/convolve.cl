// A causal convolution of each column by itself; rows before a sequence's first one count as 0.
//
// A work-item takes one column of a token of the result at a time; dimension 0 goes over the columns, dimension 1 over the
// tokens, of which a work-item may have several, since some devices limit dimension 1. Elements of x and the weights are
// read `kernel` times, from a cache but for the first time. No local memory. Results are the CPU's to the bit.
#include "device_pointer.cl"

__kernel void convolve(
    __global const float *x, ulong x_offset, __global const float *weights, ulong weights_offset,
    int kernel_size, int before, int length, __global float *out, ulong out_offset, int rows,
    int columns) {
  int column = (int)get_global_id(0);
  if (column >= columns) {
    return;
  }
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    int first = before + (int)(row % length) - (kernel_size - 1);
    long from = row / length * (before + length) + first;
    float sum = 0.0f;
    for (int j = max(0, -first); j < kernel_size; j++) {
      float weight = CONST_POINTER(float, weights)[(long)j * columns + column];
      sum = fma(weight, CONST_POINTER(float, x)[(from + j) * columns + column], sum);
    }
    POINTER(float, out)[row * columns + column] = sum;
  }
}
