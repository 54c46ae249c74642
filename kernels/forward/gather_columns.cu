// Copies groups of columns from a fused output: out[t, i * width + j] = source[t, offset + i * stride + j] for j below
// the width.
//
// One block of whole warps for each token (grid.x), whose threads walk along the result's row, four neighbouring columns
// at a time where the width and the stride are multiples of four and both rows start at a multiple of 16 bytes. Moves 8
// bytes for each element of the result and computes nothing but places. No shared memory.
#include "float_vectors.cuh"

template <class Vector>
static __device__ void gather(const Vector *from, int width, int stride, Vector *to, int columns) {
  for (int column = threadIdx.x; column < columns; column += blockDim.x) {
    const int group = column / width;
    to[column] = from[static_cast<long long>(group) * stride + (column - group * width)];
  }
}

extern "C" __global__ void gather_columns(const float *source, int sourceColumns, int offset, int width, int stride,
                                          float *out, int columns) {
  const float *from = source + static_cast<long long>(blockIdx.x) * sourceColumns + offset;
  float *to = out + static_cast<long long>(blockIdx.x) * columns;
  if (width % 4 == 0 && stride % 4 == 0 && aligned16(from) && aligned16(to)) {
    gather(reinterpret_cast<const float4 *>(from), width / 4, stride / 4, reinterpret_cast<float4 *>(to), columns / 4);
  } else {
    gather(from, width, stride, to, columns);
  }
}
