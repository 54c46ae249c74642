// The linear layer of linear_rows.cuh for weights of any type.
#include "linear_rows.cuh"
#include "widen.cuh"

template <class Type>
struct Row {
  static constexpr int STEP = 16;
  const typename Type::Element *weights;

  __device__ __forceinline__ float4 four(int column, int available) const {
    return loadFourWeights<Type>(weights + column, available);
  }
};

#define LINEAR_ROWS(name, Type, Element, TOKENS)                                                                    \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                             \
      name(const float *x, const Element *w, long long stride, const float *bias, float *out, long long outStride,  \
           int tokens, int features, int columns) {                                                                 \
    const auto row = [=](int feature) { return Row<Type>{w + feature * stride}; };                                  \
    linearRows<TOKENS>(x, row, bias, out, outStride, {tokens, features, columns});                                  \
  }

LINEAR_ROWS(linear_row_f32, Float32Values, float, 1)
LINEAR_ROWS(linear_row_f16, Float16Values, unsigned short, 1)
LINEAR_ROWS(linear_row_bf16, Bfloat16Values, unsigned short, 1)
LINEAR_ROWS(linear_rows_f32, Float32Values, float, 4)
LINEAR_ROWS(linear_rows_f16, Float16Values, unsigned short, 4)
LINEAR_ROWS(linear_rows_bf16, Bfloat16Values, unsigned short, 4)
