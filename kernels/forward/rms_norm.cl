// RMSNorm: out = x / sqrt(mean(x^2) + epsilon) * gain for each row, rounded like the CPU's.
//
// A work-group of 16 x 16 takes 16 rows (lane_sum.cl): it sums the squares, then goes through the rows once more. Reads
// 8 bytes and writes 4 for each element, of which the second reading mostly comes from a cache (16 rows of 4096 columns
// are 256 KiB). Local memory: 1 KiB.
#include "device_pointer.cl"
#include "lane_sum.cl"

__kernel __attribute__((reqd_work_group_size(LANES, ROWS_PER_GROUP, 1))) void rms_norm(
    __global const float *x, ulong x_offset, __global const float *gain, ulong gain_offset,
    float epsilon, __global float *out, ulong out_offset, int rows, int columns) {
  __local float lanes[ROWS_PER_GROUP][LANES];
  int lane = (int)get_local_id(0);
  int row = (int)get_global_id(1);
  // Work-items without a row go through the last one, since all have to reach the barriers.
  long start = (long)min(row, rows - 1) * columns;
  __global const float *from = CONST_POINTER(float, x) + start;
  float sum = 0.0f;
  for (int c = 0; c < columns; c += LANES) {
    float value = c + lane < columns ? from[c + lane] : 0.0f;
    sum += value * value;
  }
  float mean = combine_lanes(lanes, sum) / (float)columns;
  float factor = 1.0f / sqrt(mean + epsilon);
  if (row >= rows) {
    return;
  }
  __global const float *gains = CONST_POINTER(float, gain);
  __global float *to = POINTER(float, out) + start;
  for (int c = lane; c < columns; c += LANES) {
    to[c] = from[c] * factor * gains[c];
  }
}
