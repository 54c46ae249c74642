// The terms of cross-entropy: for each row of logits the highest one m, the sum of exp(logit - m) and the target's
// logit.
//
// A work-group of 16 x 16 takes 16 rows (lane_sum.cl) and goes through them twice: for the highest logit, then for the
// sum, which is the CPU's to the bit. A comparison with NaN is false, so NaN is passed over for the highest and ends up
// in the sum. Reads 8 bytes for each logit; the logits come out of a matrix product that reads thousands of times as
// much. Local memory: 1 KiB.
#include "device_pointer.cl"
#include "exponential.cl"
#include "lane_sum.cl"

__kernel __attribute__((reqd_work_group_size(LANES, ROWS_PER_GROUP, 1))) void cross_entropy(
    __global const float *logits, ulong logits_offset, __global const int *targets,
    ulong targets_offset, __global float *losses, ulong losses_offset, int rows, int columns) {
  __local float lanes[ROWS_PER_GROUP][LANES];
  int lane = (int)get_local_id(0);
  int row = (int)get_global_id(1);
  // Work-items without a row go through the last one, since all have to reach the barriers.
  __global const float *from =
      CONST_POINTER(float, logits) + (long)min(row, rows - 1) * columns;
  float highest = -INFINITY;
  for (int c = 0; c < columns; c += LANES) {
    float logit = c + lane < columns ? from[c + lane] : -INFINITY;
    highest = logit > highest ? logit : highest;
  }
  highest = highest_lane(lanes, highest);
  float sum = 0.0f;
  for (int c = 0; c < columns; c += LANES) {
    float term = c + lane < columns ? exponential(from[c + lane] - highest) : 0.0f;
    sum += term;
  }
  sum = combine_lanes(lanes, sum);
  if (row >= rows || lane > 0) {
    return;
  }
  __global float *loss = POINTER(float, losses) + 3L * row;
  loss[0] = highest;
  loss[1] = sum;
  loss[2] = from[CONST_POINTER(int, targets)[row]];
}
