// Sums of rows in float64, in the order of RowArithmetic: as lane_sum.cl has them in float32.
#include "java_math.cl"

#define LANES 16
#define ROWS_PER_GROUP (ITEMS / LANES)

// The sum of what the lanes of a row bring, for each of them. The lanes may be written again.
double lane_total(__local double lanes[ROWS_PER_GROUP][LANES], double sum) {
  int lane = (int)get_local_id(0);
  int row = (int)get_local_id(1);
  lanes[row][lane] = sum;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int width = LANES / 2; width > 0; width /= 2) {
    if (lane < width) {
      lanes[row][lane] += lanes[row][lane + width];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  sum = lanes[row][0];
  barrier(CLK_LOCAL_MEM_FENCE);
  return sum;
}
