// RMSNorm: out = x / sqrt(mean(x^2) + epsilon) * gain for each row; `out` may be `x`.
//
// One block of whole warps for each row (grid.x). A thread squares every blockDim.x-th vector of the row and keeps what
// it read in shared memory (columns * 4 bytes; `cached` is 0 where that is more than a block has, and the row is read
// again, from the cache in most cases); the sum runs in a fixed order (reduce.cuh); then each thread scales what it
// kept. Moves 8 bytes an element, and the gain, which stays in cache.
#include "reduce.cuh"
#include "float_vectors.cuh"

template <class Vector>
static __device__ void rmsNorm(const Vector *x, const Vector *gain, float epsilon, Vector *out, int columns, int cached,
                               Vector *cache) {
  __shared__ float warps[32];
  const int vectors = columns / WIDTH<Vector>;
  float sum = 0.0f;
  for (int i = threadIdx.x; i < vectors; i += blockDim.x) {
    const Vector values = x[i];
    forEach(values, [&](float value) { sum += value * value; });
    if (cached) {
      cache[i] = values;
    }
  }
  sum = blockReduce(sum, warps, [](float a, float b) { return a + b; });
  const float factor = __fdiv_rn(1.0f, __fsqrt_rn(__fdiv_rn(sum, static_cast<float>(columns)) + epsilon));
  const auto normal = [=](float value, float gained) { return value * factor * gained; };
  for (int i = threadIdx.x; i < vectors; i += blockDim.x) {
    out[i] = each(normal, cached ? cache[i] : x[i], gain[i]);
  }
}

extern "C" __global__ void rms_norm(const float *x, const float *gain, float epsilon, float *out, int columns,
                                    int cached) {
  DYNAMIC_SHARED(float4, cache);
  const long long row = static_cast<long long>(blockIdx.x) * columns;
  if (columns % 4 == 0 && aligned16(x) && aligned16(gain) && aligned16(out)) {
    rmsNorm(reinterpret_cast<const float4 *>(x + row), reinterpret_cast<const float4 *>(gain), epsilon,
            reinterpret_cast<float4 *>(out + row), columns, cached, cache);
  } else {
    rmsNorm(x + row, gain, epsilon, out + row, columns, cached, reinterpret_cast<float *>(cache));
  }
}
