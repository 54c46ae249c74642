// Token lookup: row t of `out` is row tokens[t] of the table, widened to float32.
//
// One block of whole warps for each token (grid.x), whose threads walk along the row. Moves 4 bytes out and an element's
// 2 or 4 bytes in for each element and computes nothing, so its time is that of the copy: four elements at a time, where
// the result is aligned (a table's rows always are). No shared memory.
#include "float_vectors.cuh"
#include "widen.cuh"

template <class Type>
static __device__ void embed(const typename Type::Element *table, long long stride, const int *tokens, float *out,
                             int columns) {
  const typename Type::Element *from = table + tokens[blockIdx.x] * stride;
  float *to = out + static_cast<long long>(blockIdx.x) * columns;
  const int wide = aligned16(to) ? columns / 4 * 4 : 0;
  for (int column = threadIdx.x * 4; column < wide; column += blockDim.x * 4) {
    *reinterpret_cast<float4 *>(to + column) = Type::four(from + column);
  }
  for (int column = wide + threadIdx.x; column < columns; column += blockDim.x) {
    to[column] = Type::widen(from[column]);
  }
}

extern "C" __global__ void embed_f32(const float *table, long long stride, const int *tokens, float *out, int columns) {
  embed<Float32Values>(table, stride, tokens, out, columns);
}

extern "C" __global__ void embed_f16(const unsigned short *table, long long stride, const int *tokens, float *out,
                                     int columns) {
  embed<Float16Values>(table, stride, tokens, out, columns);
}

extern "C" __global__ void embed_bf16(const unsigned short *table, long long stride, const int *tokens, float *out,
                                      int columns) {
  embed<Bfloat16Values>(table, stride, tokens, out, columns);
}
