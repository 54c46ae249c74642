// The linear layer of linear_rows.cuh for quantized weights, read as codes, 1/8 to 1 byte each: its bits are those of the
// weights widened to float32. A thread looks a scale up where its next block begins. Not for factors that divide: a division's
// slow path is called, for which registers would be spilled.
#include "codes.cuh"
#include "linear_rows.cuh"

struct CodeRow {
  static constexpr int STEP = 4;
  const Codes &w;
  long long bit, firstScale;
  int next;
  float zero, scale;

  __device__ __forceinline__ float at(int column) {
    if (column >= next) {
      const long long index = firstScale + columnGroup(w, column);
      zero = numberOf(w.format, zeroCode(w, index));
      scale = scaleAt(w, index);
      next = w.groupOf == nullptr ? (column / w.blockColumns + 1) * w.blockColumns : column + 1;
    }
    return __fmul_rn(product(w, codeAt(w, bit + column * w.columnBits), zero, scale), w.factor);
  }

  __device__ __forceinline__ float4 four(int column, int available) {
    float4 weights = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (available > 0) weights.x = at(column);
    if (available > 1) weights.y = at(column + 1);
    if (available > 2) weights.z = at(column + 2);
    if (available > 3) weights.w = at(column + 3);
    return weights;
  }
};

#define LINEAR_CODES(name, TOKENS)                                                                                  \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                             \
      name(CODES_PARAMETERS, const float *x, const float *bias, float *out, long long outStride, int tokens,        \
           int features, int columns) {                                                                             \
    const Codes w = CODES;                                                                                          \
    const auto row = [&](int feature) {                                                                             \
      return CodeRow{w, feature * rowBits, firstScale(w, feature), 0, 0.0f, 0.0f};                                  \
    };                                                                                                              \
    linearRows<TOKENS>(x, row, bias, out, outStride, {tokens, features, columns});                                  \
  }

LINEAR_CODES(linear_codes_1, 1)
LINEAR_CODES(linear_codes_4, 4)
