// The row work of ALPS (arXiv 2406.07831): an alternation between weights T and what their mask keeps of them, beside its
// products, and the mask of the largest magnitudes. The formulas are those of RowFitting and LayerFitting; each element by
// itself, rounded as there, so that results have the CPU's bits.
//
//   row_scale        weights for inputs whose second moments have a diagonal of 1
//   row_unscale      weights for the inputs again
//   row_admm_input   what is multiplied with the inverse
//   row_admm_update  the next T
//   row_keep         the mask of magnitudes above a threshold
//   row_group_keep   the mask of all but the lowest magnitudes of each group, of equal ones the first pruned
//
// Elements are taken by a grid of any size, or, where a column's moment has a part, by a block for each row. row_scale moves
// 8 bytes an element, row_unscale 12, row_admm_input 16, row_admm_update 20, row_keep 8; row_group_keep reads the element's
// group, from the cache but for 8 bytes. A step is bound by its product of 2 * columns operations an element. No shared
// memory.
#include "grid_stride.cuh"

// What a column is multiplied with, in float64.
static __device__ __forceinline__ double columnScale(const float *diagonal, int column, double unit) {
  return sqrt(static_cast<double>(diagonal[column])) * unit;
}

extern "C" __global__ void row_scale(const float *w, const float *diagonal, double unit, float *out, int columns) {
  const long long row = static_cast<long long>(blockIdx.x) * columns;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) {
    out[row + c] = static_cast<float>(w[row + c] * columnScale(diagonal, c, unit));
  }
}

extern "C" __global__ void row_unscale(const float *w, const float *diagonal, double unit, float *x, int columns) {
  const long long row = static_cast<long long>(blockIdx.x) * columns;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) {
    const double scale = columnScale(diagonal, c, unit);
    x[row + c] = scale == 0 ? w[row + c] : static_cast<float>(x[row + c] / scale);
  }
}

extern "C" __global__ void row_admm_input(const float *w, const float *kept, const float *t, float fall, float *out,
                                          long long count) {
  mapElements(
      count, [=](float weight, float mark, float value) { return (mark != 0 ? value : -(value * fall)) - weight; }, out, w,
      kept, t);
}

extern "C" __global__ void row_admm_update(const float *w, const float *kept, const float *products, float fall,
                                           float factor, float *t, long long count) {
  mapElements(
      count,
      [=](float weight, float mark, float product, float value) {
        return weight + factor * product + (mark != 0 ? 0.0f : value * fall);
      },
      t, w, kept, products, t);
}

extern "C" __global__ void row_keep(const float *x, float threshold, float *kept, long long count) {
  mapElements(count, [=](float value) { return fabsf(value) <= threshold ? 0.0f : 1.0f; }, kept, x);
}

extern "C" __global__ void row_group_keep(const float *x, int pruned, int size, float *kept, int columns) {
  const long long row = static_cast<long long>(blockIdx.x) * columns;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) {
    const float magnitude = fabsf(x[row + c]);
    int before = 0;
    for (int other = c - c % size; other < c - c % size + size; other++) {
      const float compared = fabsf(x[row + other]);
      before += compared < magnitude || (compared == magnitude && other < c) ? 1 : 0;
    }
    kept[row + c] = before < pruned ? 0.0f : 1.0f;
  }
}
