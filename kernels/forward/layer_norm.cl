// LayerNorm: out = (x - mean) / sqrt(variance + epsilon) * gain + bias for each row, with variance = mean((x - mean)^2),
// rounded like the CPU's. The gain may have several rows, which the rows take in turn.
//
// A work-group of 16 x 16 takes 16 rows (lane_sum.cl): it sums the elements, then the squares of their differences from
// the mean, so that no digits are lost where the mean is large, then goes through the rows once more. Reads 12 bytes
// and writes 4 for each element, of which the second and third reading mostly come from a cache (16 rows of 4096
// columns are 256 KiB). Local memory: 1 KiB.
#include "device_pointer.cl"
#include "lane_sum.cl"

__kernel __attribute__((reqd_work_group_size(LANES, ROWS_PER_GROUP, 1))) void layer_norm(
    __global const float *x, ulong x_offset, __global const float *gain, ulong gain_offset,
    int gain_rows, __global const float *bias, ulong bias_offset, float epsilon, __global float *out,
    ulong out_offset, int rows, int columns) {
  __local float lanes[ROWS_PER_GROUP][LANES];
  int lane = (int)get_local_id(0);
  int row = (int)get_global_id(1);
  // Work-items without a row go through the last one, since all have to reach the barriers.
  long start = (long)min(row, rows - 1) * columns;
  __global const float *from = CONST_POINTER(float, x) + start;
  float sum = 0.0f;
  for (int c = 0; c < columns; c += LANES) {
    sum += c + lane < columns ? from[c + lane] : 0.0f;
  }
  float mean = combine_lanes(lanes, sum) / (float)columns;
  // The second sum goes through the lanes that the first one is read from.
  barrier(CLK_LOCAL_MEM_FENCE);
  float squares = 0.0f;
  for (int c = 0; c < columns; c += LANES) {
    float difference = c + lane < columns ? from[c + lane] - mean : 0.0f;
    squares += difference * difference;
  }
  float variance = combine_lanes(lanes, squares) / (float)columns;
  float factor = 1.0f / sqrt(variance + epsilon);
  if (row >= rows) {
    return;
  }
  __global const float *gains = CONST_POINTER(float, gain) + (long)(row % gain_rows) * columns;
  __global const float *biases = CONST_POINTER(float, bias);
  __global float *to = POINTER(float, out) + start;
  for (int c = lane; c < columns; c += LANES) {
    float gained = (from[c] - mean) * factor * gains[c];
    to[c] = bias == 0 ? gained : gained + biases[c];
  }
}
