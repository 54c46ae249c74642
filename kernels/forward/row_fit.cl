// The row work of reconstruction: steps of conjugate gradients for the kept weights of pruned rows, all rows at once, and
// what goes before and after them. The formulas are those of RowFitting, the order of each sum that of RowArithmetic, so
// that results have the CPU's bits; products with second moments are linear layers between these kernels.
//
//   row_moments     of each column what only second moments G say: G[k, k], 1 / G[k, k], and how far it reaches others
//   row_difference  x - y
//   row_part        what a mask keeps of rows, or what it prunes, and 0 elsewhere
//   row_dots        x . y of each row
//   row_begin       the first direction
//   row_step        a step along the direction, and the next direction
//   row_end         the start again in rows whose error didn't become less
//
// A work-group of 16 x 16 takes 16 rows, on devices with small groups 8 or 4; work-item (l, r) is lane l of row r and has
// its elements l, l + 16, l + 32 and so on to itself in all passes over the row, so lanes meet only where their sums are
// added. Work-items without a row go through the last one and write nothing, since all have to reach the barriers. For
// each element row_step moves 36 bytes and takes 5 float64 operations, beside 2 * columns float32 operations of the product
// that goes before; the rest less. Local memory: 2 KiB.
#include "device_pointer.cl"
#include "java_math.cl"
#define lane_t double
#include "lane_sum.cl"

#define ROW_KERNEL __kernel __attribute__((reqd_work_group_size(LANES, ROWS_PER_GROUP, 1)))

// The first element of this work-item's row, of those that are read.
#define ROW_START ((long)min((int)get_global_id(1), rows - 1) * columns)

// Whether this work-item has a row of its own to write to.
#define IS_OWN ((int)get_global_id(1) < rows)

// The sum of what the lanes of a row bring, for each of them. The lanes may be written again.
static double lane_total(__local double lanes[ROWS_PER_GROUP][LANES], double sum) {
  sum = combine_lanes(lanes, sum);
  barrier(CLK_LOCAL_MEM_FENCE);
  return sum;
}

ROW_KERNEL void row_moments(
    __global const float *gram, ulong gram_offset, long stride, __global float *diagonal, ulong diagonal_offset,
    __global double *scales, ulong scales_offset, __global double *reach, ulong reach_offset, int rows, int columns) {
  __local double lanes[ROWS_PER_GROUP][LANES];
  __global const float *all = CONST_POINTER(float, gram);
  int row = min((int)get_global_id(1), rows - 1);
  double most = 0.0;
  for (int j = (int)get_local_id(0); j < columns; j += LANES) {
    float other = all[j * stride + j];
    if (j != row && other > 0.0f) {
      most = higher(most, fabs((double)all[row * stride + j]) / sqrt((double)other));
    }
  }
  lanes[get_local_id(1)][get_local_id(0)] = most;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int l = 0; l < LANES; l++) {
    most = higher(most, lanes[get_local_id(1)][l]);
  }
  if (IS_OWN && get_local_id(0) == 0) {
    float square = all[row * stride + row];
    POINTER(float, diagonal)[row] = square;
    POINTER(double, scales)[row] = square > 0.0f ? 1.0 / (double)square : 0.0;
    POINTER(double, reach)[row] = most;
  }
}

__kernel void row_difference(
    __global const float *x, ulong x_offset, __global const float *y, ulong y_offset, __global float *out,
    ulong out_offset, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    POINTER(float, out)[i] = CONST_POINTER(float, x)[i] - CONST_POINTER(float, y)[i];
  }
}

__kernel void row_part(
    __global const float *w, ulong w_offset, __global const float *kept, ulong kept_offset, float side,
    __global float *out, ulong out_offset, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    POINTER(float, out)[i] = CONST_POINTER(float, kept)[i] == side ? CONST_POINTER(float, w)[i] : 0.0f;
  }
}

// The sum of x * y over a row.
static double dot_row(
    __global const float *x, __global const float *y, int columns, __local double lanes[ROWS_PER_GROUP][LANES]) {
  double sum = 0.0;
  for (int c = (int)get_local_id(0); c < columns; c += LANES) {
    sum = fma((double)x[c], (double)y[c], sum);
  }
  return lane_total(lanes, sum);
}

ROW_KERNEL void row_dots(
    __global const float *x, ulong x_offset, __global const float *y, ulong y_offset, __global double *dots,
    ulong dots_offset, int rows, int columns) {
  __local double lanes[ROWS_PER_GROUP][LANES];
  double sum = dot_row(CONST_POINTER(float, x) + ROW_START, CONST_POINTER(float, y) + ROW_START, columns, lanes);
  if (IS_OWN && get_local_id(0) == 0) {
    POINTER(double, dots)[get_global_id(1)] = sum;
  }
}

// The sum of g * g / diag(G) over the kept columns of a row.
static double kept_squares(
    __global const float *kept, __global const float *g, __global const double *scales, int columns,
    __local double lanes[ROWS_PER_GROUP][LANES]) {
  double sum = 0.0;
  for (int c = (int)get_local_id(0); c < columns; c += LANES) {
    double value = g[c];
    sum = fma(value * value, kept[c] != 0.0f ? scales[c] : 0.0, sum);
  }
  return lane_total(lanes, sum);
}

ROW_KERNEL void row_begin(
    __global const float *kept, ulong kept_offset, __global const float *g, ulong g_offset, __global float *p,
    ulong p_offset, __global const double *scales, ulong scales_offset, __global double *errors,
    ulong errors_offset, __global double *squares, ulong squares_offset, int rows, int columns) {
  __local double lanes[ROWS_PER_GROUP][LANES];
  __global const float *marks = CONST_POINTER(float, kept) + ROW_START;
  __global const float *left = CONST_POINTER(float, g) + ROW_START;
  __global float *direction = POINTER(float, p) + ROW_START;
  __global const double *factors = CONST_POINTER(double, scales);
  double error = dot_row(direction, left, columns, lanes);
  double square = kept_squares(marks, left, factors, columns, lanes);
  if (!IS_OWN) {
    return;
  }
  for (int c = (int)get_local_id(0); c < columns; c += LANES) {
    double scale = marks[c] != 0.0f ? factors[c] : 0.0;
    direction[c] = (float)fma(0.0, 0.0, (double)left[c] * scale);
  }
  if (get_local_id(0) == 0) {
    POINTER(double, errors)[get_global_id(1)] = error;
    POINTER(double, squares)[get_global_id(1)] = square;
  }
}

ROW_KERNEL void row_step(
    __global const float *kept, ulong kept_offset, __global const float *products, ulong products_offset,
    __global float *x, ulong x_offset, __global float *g, ulong g_offset, __global float *p, ulong p_offset,
    __global const double *scales, ulong scales_offset, __global double *squares, ulong squares_offset,
    int rows, int columns) {
  __local double lanes[ROWS_PER_GROUP][LANES];
  __global const float *marks = CONST_POINTER(float, kept) + ROW_START;
  __global const float *product = CONST_POINTER(float, products) + ROW_START;
  __global float *solution = POINTER(float, x) + ROW_START;
  __global float *left = POINTER(float, g) + ROW_START;
  __global float *direction = POINTER(float, p) + ROW_START;
  __global const double *factors = CONST_POINTER(double, scales);
  double square = CONST_POINTER(double, squares)[min((int)get_global_id(1), rows - 1)];
  double curvature = dot_row(direction, product, columns, lanes);
  bool moves = IS_OWN && square != 0.0 && curvature > 0.0;
  if (moves) {
    double alpha = square / curvature;
    for (int c = (int)get_local_id(0); c < columns; c += LANES) {
      solution[c] = (float)fma(alpha, (double)direction[c], (double)solution[c]);
      left[c] = (float)fma(-alpha, (double)product[c], (double)left[c]);
    }
  }
  double next = kept_squares(marks, left, factors, columns, lanes);
  if (!IS_OWN || square == 0.0) {
    return;
  }
  double beta = next / square;
  for (int c = (int)get_local_id(0); c < columns; c += LANES) {
    double scale = marks[c] != 0.0f ? factors[c] : 0.0;
    direction[c] = moves ? (float)fma(beta, (double)direction[c], (double)left[c] * scale) : 0.0f;
  }
  if (get_local_id(0) == 0) {
    POINTER(double, squares)[get_global_id(1)] = moves ? next : 0.0;
  }
}

ROW_KERNEL void row_end(
    __global const float *w, ulong w_offset, __global const float *start, ulong start_offset,
    __global const float *g, ulong g_offset, __global const float *gram, ulong gram_offset, long stride,
    __global const double *errors, ulong errors_offset, __global float *x, ulong x_offset, int rows, int columns) {
  __local double lanes[ROWS_PER_GROUP][LANES];
  __local int any;
  int lane = (int)get_local_id(0);
  __global const float *weights = CONST_POINTER(float, w) + ROW_START;
  __global const float *from = CONST_POINTER(float, start) + ROW_START;
  __global const float *left = CONST_POINTER(float, g) + ROW_START;
  __global float *solution = POINTER(float, x) + ROW_START;
  double error = 0.0;
  for (int c = lane; c < columns; c += LANES) {
    error = fma((double)(weights[c] - solution[c]), (double)left[c], error);
  }
  error = lane_total(lanes, error);
  // An error nearer than this to what it was may be rounding: as Reconstruction has it.
  bool less = error < 0.99 * CONST_POINTER(double, errors)[min((int)get_global_id(1), rows - 1)];
  if (lane == 0 && get_local_id(1) == 0) {
    any = 0;
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  if (!less) {
    any = 1;
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  // The change of the error in float64, (e' - e) G (e' + e) for e = w - start and e' = w - x, added column by column.
  double change = 0.0;
  for (int k = 0; k < (any != 0 ? columns : 0); k++) {
    double difference = (double)from[k] - (double)solution[k];
    double dot = 0.0;
    if (!less && difference != 0.0) {
      for (int c = lane; c < columns; c += LANES) {
        double both = 2.0 * (double)weights[c] - (double)solution[c] - (double)from[c];
        dot = fma((double)CONST_POINTER(float, gram)[k * stride + c], both, dot);
      }
    }
    dot = lane_total(lanes, dot);
    change += difference != 0.0 ? difference * dot : 0.0;
  }
  if (IS_OWN && !less && !(change < 0.0)) {
    for (int c = lane; c < columns; c += LANES) {
      solution[c] = from[c];
    }
  }
}
