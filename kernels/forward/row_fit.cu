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
// Sums are float64. A row has 16 lanes, half a warp: lane l has its elements l, l + 16, l + 32 and so on to itself, in all
// passes over the row, so lanes meet only where their 16 sums are added. More lanes would be another order. A block of 256
// threads has 16 rows. For each element row_step moves 36 bytes and takes 5 float64 operations, beside 2 * columns float32
// operations of the product that goes before; the rest less. No shared memory.
#include "grid_stride.cuh"
#include "row_lanes.cuh"

extern "C" __global__ void row_moments(const float *gram, long long stride, float *diagonal, double *scales,
                                       double *reach, int rows, int columns) {
  const RowLane own(rows, columns);
  if (!own.there) {
    return;
  }
  const float *row = gram + own.row * stride;
  double most = 0;
  for (int j = own.lane; j < columns; j += LANES) {
    const float other = gram[j * stride + j];
    if (j != own.row && other > 0) {
      most = higher(most, fabs(static_cast<double>(row[j])) / sqrt(static_cast<double>(other)));
    }
  }
  most = own.highest(most);
  if (own.lane == 0) {
    const float square = row[own.row];
    diagonal[own.row] = square;
    scales[own.row] = square > 0 ? 1.0 / square : 0.0;
    reach[own.row] = most;
  }
}

extern "C" __global__ void row_difference(const float *x, const float *y, float *out, long long count) {
  mapElements(count, [](float from, float less) { return from - less; }, out, x, y);
}

extern "C" __global__ void row_part(const float *w, const float *kept, float side, float *out, long long count) {
  mapElements(count, [=](float weight, float mark) { return mark == side ? weight : 0.0f; }, out, w, kept);
}

extern "C" __global__ void row_dots(const float *x, const float *y, double *dots, int rows, int columns) {
  const RowLane own(rows, columns);
  if (!own.there) {
    return;
  }
  double sum = 0;
  for (long long i = own.first; i < own.end; i += LANES) {
    sum = fma(static_cast<double>(x[i]), static_cast<double>(y[i]), sum);
  }
  sum = own.total(sum);
  if (own.lane == 0) {
    dots[own.row] = sum;
  }
}

// The sum of g * g / diag(G) over the kept columns; that of this lane.
static __device__ double keptSquares(const RowLane &own, const float *kept, const float *g, const double *scales) {
  double sum = 0;
  for (long long i = own.first; i < own.end; i += LANES) {
    const double value = g[i];
    sum = fma(value * value, kept[i] != 0 ? scales[own.column(i)] : 0.0, sum);
  }
  return sum;
}

extern "C" __global__ void row_begin(const float *kept, const float *g, float *p, const double *scales, double *errors,
                                     double *squares, int rows, int columns) {
  const RowLane own(rows, columns);
  if (!own.there) {
    return;
  }
  double error = 0;
  for (long long i = own.first; i < own.end; i += LANES) {
    error = fma(static_cast<double>(p[i]), static_cast<double>(g[i]), error);
  }
  error = own.total(error);
  const double square = own.total(keptSquares(own, kept, g, scales));
  for (long long i = own.first; i < own.end; i += LANES) {
    const double scale = kept[i] != 0 ? scales[own.column(i)] : 0.0;
    p[i] = static_cast<float>(fma(0.0, 0.0, g[i] * scale));
  }
  if (own.lane == 0) {
    errors[own.row] = error;
    squares[own.row] = square;
  }
}

extern "C" __global__ void row_step(const float *kept, const float *products, float *x, float *g, float *p,
                                    const double *scales, double *squares, int rows, int columns) {
  const RowLane own(rows, columns);
  if (!own.there) {
    return;
  }
  const double square = own.read(squares);
  if (square == 0) {
    return;
  }
  double curvature = 0;
  for (long long i = own.first; i < own.end; i += LANES) {
    curvature = fma(static_cast<double>(p[i]), static_cast<double>(products[i]), curvature);
  }
  curvature = own.total(curvature);
  double next = 0;
  if (curvature > 0) {
    const double alpha = square / curvature;
    for (long long i = own.first; i < own.end; i += LANES) {
      x[i] = static_cast<float>(fma(alpha, static_cast<double>(p[i]), static_cast<double>(x[i])));
      g[i] = static_cast<float>(fma(-alpha, static_cast<double>(products[i]), static_cast<double>(g[i])));
    }
    next = own.total(keptSquares(own, kept, g, scales));
  }
  const double beta = next / square;
  for (long long i = own.first; i < own.end; i += LANES) {
    const double scale = kept[i] != 0 ? scales[own.column(i)] : 0.0;
    p[i] = curvature > 0 ? static_cast<float>(fma(beta, static_cast<double>(p[i]), g[i] * scale)) : 0.0f;
  }
  if (own.lane == 0) {
    squares[own.row] = next;
  }
}

// The change of the error in float64, (e' - e) G (e' + e) for e = w - start and e' = w - x, added column by column.
static __device__ double change(const RowLane &own, const float *w, const float *start, const float *gram,
                                long long stride, const float *x, int columns) {
  const long long row = static_cast<long long>(own.row) * columns;
  double sum = 0;
  for (int k = 0; k < columns; k++) {
    const double difference = static_cast<double>(start[row + k]) - x[row + k];
    if (difference != 0) {
      double dot = 0;
      for (long long i = own.first; i < own.end; i += LANES) {
        const double both = 2.0 * w[i] - x[i] - start[i];
        dot = fma(static_cast<double>(gram[k * stride + own.column(i)]), both, dot);
      }
      sum += difference * own.total(dot);
    }
  }
  return sum;
}

extern "C" __global__ void row_end(const float *w, const float *start, const float *g, const float *gram,
                                   long long stride, const double *errors, float *x, int rows, int columns) {
  const RowLane own(rows, columns);
  if (!own.there) {
    return;
  }
  double error = 0;
  for (long long i = own.first; i < own.end; i += LANES) {
    error = fma(static_cast<double>(w[i] - x[i]), static_cast<double>(g[i]), error);
  }
  error = own.total(error);
  // An error nearer than this to what it was may be rounding: as Reconstruction has it.
  const bool less = error < 0.99 * errors[own.row] || change(own, w, start, gram, stride, x, columns) < 0;
  own.meet();
  for (long long i = own.first; !less && i < own.end; i += LANES) {
    x[i] = start[i];
  }
}
