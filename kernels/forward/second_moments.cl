// Sums of the products of each two columns of activations: for i <= j, state[i, j] += sum over t of x[t, i] * x[t, j].
//
// Chains of fused multiply-adds in float32 over runs of 256 rows, as on the CPU; there such a run's result is then added
// to a double. Here it is added to a pair of floats, high and low, as in column_squares.cl, which holds 48 bits and needs
// no cl_khr_fp64. The pairs are a triangle, row by row. The order is fixed, so a run repeats to the bit.
//
// The product of a matrix, transposed, with itself. A work-group of 16 x 16 makes a tile of 64 x 64 pairs, 4 x 4 a
// work-item (on devices with small groups 8 x 8 one of 32 x 32); groups whose tile lies below the diagonal go through
// no rows. The rows are taken SIDE at a time: the tile's columns of both sides are laid down in local memory as they
// lie, since rows are what is summed over, and each work-item reads 8 floats for 16 multiply-adds. While it does, the
// next rows are already on their way to its registers. Local memory: 2 * 16 * 64 floats, 8 KiB.
//
// rows * columns * columns operations, half of what the whole product takes; 32 go with each element that is read, and
// every 256 rows 16 bytes are read and written for each pair: bound by arithmetic.
#include "device_pointer.cl"
#include "exact_sum.cl"

#define RUN 256
#if ITEMS >= 256
#define SIDE 16
#else
#define SIDE 8
#endif
#define DEPTH SIDE
#define PAIRS 4
#define TILE (SIDE * PAIRS)

// Reads the work-item's four columns of a row, 0 past the last row or column.
float4 fetch(__global const float *x, int rows, int columns, int row, int first) {
  int column = first + PAIRS * (int)get_local_id(0);
  float values[PAIRS];
#pragma unroll
  for (int i = 0; i < PAIRS; i++) {
    values[i] = row < rows && column + i < columns ? x[(long)row * columns + column + i] : 0.0f;
  }
  return (float4)(values[0], values[1], values[2], values[3]);
}

// Adds a run's sums of row i of the triangle from column j on.
void add_run(__global float2 *state, int columns, long i, int j, float4 run) {
  __global float2 *diagonal = state + (i * columns - i * (i - 1) / 2);
  float sums[PAIRS] = {run.x, run.y, run.z, run.w};
#pragma unroll
  for (int k = 0; k < PAIRS; k++) {
    if (i <= j + k && j + k < columns) {
      diagonal[j + k - i] = add_exactly(diagonal[j + k - i], sums[k]);
    }
  }
}

// Dimension 0 goes over tiles of columns j, dimension 1 over tiles of columns i.
__kernel __attribute__((reqd_work_group_size(SIDE, SIDE, 1))) void second_moments(
    __global const float *x, ulong x_offset, __global float2 *state, ulong state_offset, int rows,
    int columns) {
  __local float4 left[DEPTH * SIDE];
  __local float4 right[DEPTH * SIDE];
  int across = (int)get_local_id(0);
  int down = (int)get_local_id(1);
  int first_left = (int)get_group_id(1) * TILE;
  int first_right = (int)get_group_id(0) * TILE;
  int last = first_left <= first_right ? rows : 0;
  __global const float *from = CONST_POINTER(float, x);
  float4 chains[PAIRS];
#pragma unroll
  for (int i = 0; i < PAIRS; i++) {
    chains[i] = (float4)(0.0f);
  }
  float4 next_left = fetch(from, last, columns, down, first_left);
  float4 next_right = fetch(from, last, columns, down, first_right);
  for (int row = 0; row < last; row += DEPTH) {
    left[down * SIDE + across] = next_left;
    right[down * SIDE + across] = next_right;
    barrier(CLK_LOCAL_MEM_FENCE);
    int next = row + DEPTH;
    next_left = fetch(from, last, columns, next + down, first_left);
    next_right = fetch(from, last, columns, next + down, first_right);
    for (int t = 0; t < DEPTH; t++) {
      float4 a = left[t * SIDE + down];
      float4 b = right[t * SIDE + across];
      chains[0] = fma((float4)(a.x), b, chains[0]);
      chains[1] = fma((float4)(a.y), b, chains[1]);
      chains[2] = fma((float4)(a.z), b, chains[2]);
      chains[3] = fma((float4)(a.w), b, chains[3]);
    }
    if (next % RUN == 0 || next >= last) {
#pragma unroll
      for (int i = 0; i < PAIRS; i++) {
        add_run(POINTER(float2, state), columns, first_left + PAIRS * down + i,
            first_right + PAIRS * across, chains[i]);
        chains[i] = (float4)(0.0f);
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
}
