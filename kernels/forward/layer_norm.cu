// LayerNorm: out = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * gain + bias for each row; the bias may be
// null, `out` may be `x`, and the gain may have several rows, which the rows take in turn.
//
// One block of whole warps for each row (grid.x). The variance is the mean of squared differences, a second pass over
// the row, since the difference of two large means would lose digits. A thread keeps every blockDim.x-th vector of the
// row in shared memory (columns * 4 bytes; `cached` is 0 where that is more than a block has, and the row is read
// again, from the cache in most cases) and nobody else's; both sums run in a fixed order (reduce.cuh). Moves 8 bytes an
// element, and gain and bias, which stay in cache.
#include "reduce.cuh"
#include "float_vectors.cuh"

template <class Vector>
static __device__ void layerNorm(const Vector *x, const Vector *gain, const Vector *bias, float epsilon, Vector *out,
                                 int columns, int cached, Vector *cache) {
  __shared__ float sums[32];
  __shared__ float squares[32];
  const int vectors = columns / WIDTH<Vector>;
  const auto add = [](float a, float b) { return a + b; };
  float sum = 0.0f;
  for (int i = threadIdx.x; i < vectors; i += blockDim.x) {
    const Vector values = x[i];
    forEach(values, [&](float value) { sum += value; });
    if (cached) {
      cache[i] = values;
    }
  }
  const float mean = __fdiv_rn(blockReduce(sum, sums, add), static_cast<float>(columns));
  float square = 0.0f;
  for (int i = threadIdx.x; i < vectors; i += blockDim.x) {
    forEach(cached ? cache[i] : x[i], [&](float value) { square += (value - mean) * (value - mean); });
  }
  const float variance = __fdiv_rn(blockReduce(square, squares, add), static_cast<float>(columns));
  const float factor = __fdiv_rn(1.0f, __fsqrt_rn(variance + epsilon));
  const auto normal = [=](float value, float gained) { return (value - mean) * factor * gained; };
  for (int i = threadIdx.x; i < vectors; i += blockDim.x) {
    const Vector gained = each(normal, cached ? cache[i] : x[i], gain[i]);
    out[i] = bias == nullptr ? gained : each(add, gained, bias[i]);
  }
}

extern "C" __global__ void layer_norm(const float *x, const float *gains, int gainRows, const float *bias, float epsilon,
                                      float *out, int columns, int cached) {
  DYNAMIC_SHARED(float4, cache);
  const long long row = static_cast<long long>(blockIdx.x) * columns;
  const float *gain = gains + static_cast<long long>(blockIdx.x % gainRows) * columns;
  if (columns % 4 == 0 && aligned16(x) && aligned16(gain) && aligned16(bias) && aligned16(out)) {
    layerNorm(reinterpret_cast<const float4 *>(x + row), reinterpret_cast<const float4 *>(gain),
              reinterpret_cast<const float4 *>(bias), epsilon, reinterpret_cast<float4 *>(out + row), columns, cached,
              cache);
  } else {
    layerNorm(x + row, gain, bias, epsilon, out + row, columns, cached, reinterpret_cast<float *>(cache));
  }
}
