// The rows of tokens on their way to an expert and back: out[i] = x[rows[i]], and out[rows[i]] += factors[i] * x[i], of
// which the product is rounded before it is added, as on the CPU. The rows are all different, so nobody else adds to
// where a block does.
//
// One block of whole warps for each row that is moved (grid.x), whose threads walk along it, four floats at a time where
// the columns are a multiple of four and all addresses allow it. Moves 8 bytes an element, or 12 where it adds. No
// shared memory.
#include "float_vectors.cuh"

// Whether all rows of both can be walked along in vectors of four.
static __device__ __forceinline__ bool inVectors(const float *x, const float *out, int columns) {
  return columns % 4 == 0 && aligned16(x) && aligned16(out);
}

template <class Vector>
static __device__ void copyRow(const Vector *from, Vector *to, int columns) {
  for (int i = threadIdx.x; i < columns / WIDTH<Vector>; i += blockDim.x) {
    to[i] = from[i];
  }
}

template <class Vector>
static __device__ void addRow(const Vector *from, float factor, Vector *to, int columns) {
  for (int i = threadIdx.x; i < columns / WIDTH<Vector>; i += blockDim.x) {
    to[i] = each([=](float sum, float value) { return sum + factor * value; }, to[i], from[i]);
  }
}

extern "C" __global__ void gather_rows(const float *x, const int *rows, float *out, int columns) {
  const float *from = x + static_cast<long long>(rows[blockIdx.x]) * columns;
  float *to = out + static_cast<long long>(blockIdx.x) * columns;
  if (inVectors(x, out, columns)) {
    copyRow(reinterpret_cast<const float4 *>(from), reinterpret_cast<float4 *>(to), columns);
  } else {
    copyRow(from, to, columns);
  }
}

extern "C" __global__ void add_rows(const float *x, const int *rows, const float *factors, float *out, int columns) {
  const float *from = x + static_cast<long long>(blockIdx.x) * columns;
  float *to = out + static_cast<long long>(rows[blockIdx.x]) * columns;
  const float factor = factors[blockIdx.x];
  if (inVectors(x, out, columns)) {
    addRow(reinterpret_cast<const float4 *>(from), factor, reinterpret_cast<float4 *>(to), columns);
  } else {
    addRow(from, factor, to, columns);
  }
}
