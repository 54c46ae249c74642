// Sums of squares down the columns, from which the input norms come. To the bit what the CPU computes: a square is
// rounded to float32, the squares of RUN rows are summed in float32 in their order, and these sums are added in their
// order to a double for each column. Activations of 16 bits are widened first, which is exact.
//
// column_squares_runs: a thread sums one column of one run, a warp 32 neighbouring columns, a block as many runs as it
// has warps. That gives tokens / 32 * columns threads, enough to keep the memory busy whether columns or tokens are few,
// and all loads of a thread can be under way at once. Reads 4 bytes (2 of 16-bit types) an element and writes 4 / 32.
// No shared memory.
// column_squares_fold: a thread for each column adds the runs' sums up in order.
// column_sums: splits each double into two floats, whose sum has 48 of its 53 bits.
#include "device.cuh"
#include "widen.cuh"

constexpr int RUN = 32;

template <class Type>
static __device__ __forceinline__ float squareOf(const typename Type::Element *at) {
  const float value = Type::widen(*at);
  return value * value;
}

template <class Type>
static __device__ __forceinline__ void squaresOfRuns(
    const typename Type::Element *x, int tokens, int columns, long long stride, float *sums) {
  const int slabs = (columns + 31) / 32;
  const int warps = blockDim.x / 32;
  const int column = static_cast<int>(blockIdx.x % slabs) * 32 + threadIdx.x % 32;
  const long long run = static_cast<long long>(blockIdx.x / slabs) * warps + threadIdx.x / 32;
  const long long first = run * RUN;
  if (column >= columns || first >= tokens) {
    return;
  }
  const auto *at = x + first * stride + column;
  float sum = 0.0f;
  if (first + RUN <= tokens) {
#pragma unroll
    for (int t = 0; t < RUN; t++) {
      sum += squareOf<Type>(at + t * stride);
    }
  } else {
    for (int t = 0; t < tokens - first; t++) {
      sum += squareOf<Type>(at + t * stride);
    }
  }
  sums[run * columns + column] = sum;
}

extern "C" __global__ void column_squares_runs_f32(
    const float *x, int tokens, int columns, long long stride, float *sums) {
  squaresOfRuns<Float32Values>(x, tokens, columns, stride, sums);
}

extern "C" __global__ void column_squares_runs_f16(
    const unsigned short *x, int tokens, int columns, long long stride, float *sums) {
  squaresOfRuns<Float16Values>(x, tokens, columns, stride, sums);
}

extern "C" __global__ void column_squares_runs_bf16(
    const unsigned short *x, int tokens, int columns, long long stride, float *sums) {
  squaresOfRuns<Bfloat16Values>(x, tokens, columns, stride, sums);
}

extern "C" __global__ void column_squares_fold(const float *sums, int runs, int columns, double *state) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= columns) {
    return;
  }
  double total = state[column];
#pragma unroll 8
  for (int run = 0; run < runs; run++) {
    total += sums[static_cast<long long>(run) * columns + column];
  }
  state[column] = total;
}

extern "C" __global__ void column_sums(const double *state, int columns, float *sums) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= columns) {
    return;
  }
  const float high = static_cast<float>(state[column]);
  const bool finite = (__float_as_uint(high) & 0x7f800000u) != 0x7f800000u;
  sums[column] = high;
  sums[columns + static_cast<long long>(column)] = finite ? static_cast<float>(state[column] - high) : 0.0f;
}
