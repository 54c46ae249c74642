// Copies groups of columns: out[t, to + i * toStride + j] = source[t, from + i * fromStride + j] for j below the width.
//
// One block of whole warps for each token (grid.x), whose threads walk along the columns of all groups, four neighbouring
// ones at a time where the width and the strides are multiples of four and both rows' groups start at a multiple of 16
// bytes. Moves 8 bytes for each element that is copied and computes nothing but places. No shared memory.
#include "float_vectors.cuh"

template <class Vector>
static __device__ void gather(const Vector *from, int width, int fromStride, Vector *to, int toStride, int columns) {
  for (int column = threadIdx.x; column < columns; column += blockDim.x) {
    const long long group = column / width;
    const int inside = column - static_cast<int>(group) * width;
    to[group * toStride + inside] = from[group * fromStride + inside];
  }
}

extern "C" __global__ void gather_columns(const float *source, int sourceColumns, int first, int width, int fromStride,
                                          float *out, int outColumns, int outFirst, int toStride, int columns) {
  const float *from = source + static_cast<long long>(blockIdx.x) * sourceColumns + first;
  float *to = out + static_cast<long long>(blockIdx.x) * outColumns + outFirst;
  if (width % 4 == 0 && fromStride % 4 == 0 && toStride % 4 == 0 && aligned16(from) && aligned16(to)) {
    gather(reinterpret_cast<const float4 *>(from), width / 4, fromStride / 4, reinterpret_cast<float4 *>(to), toStride / 4,
           columns / 4);
  } else {
    gather(from, width, fromStride, to, toStride, columns);
  }
}
