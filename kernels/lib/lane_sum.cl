// Sums of rows, in the order of LaneSum and of RowArithmetic, and highest elements of rows. A work-group of 16 x 16 takes 16
// rows, on devices with small groups one of 16 x 8 takes 8 and one of 16 x 4 takes 4; work-item (l, r) is lane l of row r and
// holds the sum of the row's elements l, l + 16, l + 32 and so on. Lanes l and l + 8 are added, then l and l + 4, l + 2,
// l + 1.
//
// A row's 16 lanes read 64 bytes side by side, which is a whole number of every device's memory sectors; a row is
// summed by no more work-items than that, since the order is part of the result.
//
// The including file may define lane_t as double.
#define LANES 16
#define ROWS_PER_GROUP (ITEMS / LANES)

#ifndef lane_t
#define lane_t float
#endif

// Adds the lanes of each row up, in lanes[row][lane]; the row's sum goes to every lane.
lane_t combine_lanes(__local lane_t lanes[ROWS_PER_GROUP][LANES], lane_t sum) {
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
  return lanes[row][0];
}

// Returns the highest of what a row's lanes hold to each of them; NaN is passed over. The lanes may be written again.
lane_t highest_lane(__local lane_t lanes[ROWS_PER_GROUP][LANES], lane_t highest) {
  int row = (int)get_local_id(1);
  lanes[row][get_local_id(0)] = highest;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int l = 0; l < LANES; l++) {
    highest = lanes[row][l] > highest ? lanes[row][l] : highest;
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  return highest;
}
