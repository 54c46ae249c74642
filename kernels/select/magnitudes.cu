// Counts magnitudes: a whole matrix's exact threshold comes from two histograms, of the upper 15 bits of bits(|w|) and
// of the lower 16 bits within one upper bin.
//
// count_upper: weights concentrate on few bins, some 128 for each of ten octaves, so counting in device memory would
// make threads wait for each other. Each block counts the 64 octaves from 2^-48 up to 2^16, which hold all of F16 and
// nearly all else, in shared memory, zeros in a register, and only what is outside in device memory; at its end it adds
// what it found to the counts. Both places have an atomic of their own: one through a pointer to either would be a
// generic one, which isn't the increment that shared memory does best. 512 threads, 32 KiB of shared memory, so that
// two to four blocks share a multiprocessor; blocks go over rows, two at a time so that the loads of both overlap. The
// bins of infinity and NaN are counted as all others are.
//
// count_lower: of 16-bit weights only 8 bins can be hit (F16 has 10 bits of mantissa, of which 3 are among the lower 16
// bits; BF16 has none), and so of F32 weights that were 16-bit ones; these 8 are counted in shared memory. Others are
// spread over 65536 bins and come from the few weights of one upper bin: they go to device memory.
//
// Bytes of device memory per weight: F16 and BF16 2, F32 4, all read. On 3.35 TB/s (H100) the floor is 0.60 ns for 1000
// 16-bit weights and 1.19 ns for 1000 F32 weights. count_upper takes about 6 integer instructions and one
// shared-memory atomic for each weight that isn't zero: the atomics, at some 6 cycles for a warp whose lanes hit
// different bins, take 0.8 ns for 1000 weights on an H100 and bound it at 16 bits.
#include "reduce.cuh"
#include "row_vectors.cuh"

constexpr unsigned WINDOW_LOW = (127u - 48u) << 7;
constexpr unsigned WINDOW_BINS = 64u << 7;
constexpr unsigned TRAILING_BITS = 13;
constexpr unsigned ROUND_BINS = 8;

template <class T>
static __device__ __forceinline__ const typename T::Element *rowOf(const void *source, unsigned row, long long stride) {
  return static_cast<const typename T::Element *>(source) + row * stride;
}

// Counts the upper bits of a vector's columns and returns how many are zero.
template <class T>
static __device__ __forceinline__ unsigned countVector(
    const Words &words, unsigned inRow, unsigned *window, unsigned *counts) {
  unsigned nonZero = inRow & ~zeroBits<T>(words);
#pragma unroll
  for (unsigned j = 0; j < T::VECTOR; j++) {
    unsigned upper = T::magnitude(T::element(words, j)) >> 16;
    unsigned inWindow = upper - WINDOW_LOW;
    bool counted = (nonZero >> j & 1u) != 0u;
    if (counted && inWindow < WINDOW_BINS) {
      atomicAdd(&window[inWindow], 1u);
    }
    if (counted && inWindow >= WINDOW_BINS) {
      atomicAdd(&counts[upper], 1u);
    }
  }
  return __popc(inRow & ~nonZero);
}

template <class T>
static __device__ __forceinline__ void countUpper(
    const void *source, unsigned rows, unsigned columns, long long stride, unsigned *counts) {
  __shared__ unsigned window[WINDOW_BINS];
  for (unsigned i = threadIdx.x; i < WINDOW_BINS; i += blockDim.x) {
    window[i] = 0;
  }
  __syncthreads();
  unsigned zeros = 0;
  for (unsigned row = blockIdx.x; row < rows; row += 2u * gridDim.x) {
    unsigned next = row + gridDim.x;
    const typename T::Element *upper = rowOf<T>(source, row, stride);
    const typename T::Element *lower = rowOf<T>(source, next < rows ? next : row, stride);
    unsigned lowerColumns = next < rows ? columns : 0u;
    for (unsigned column = threadIdx.x * T::VECTOR; column < columns; column += blockDim.x * T::VECTOR) {
      Words first = loadVector<T>(upper, column, columns);
      Words second = loadVector<T>(lower, column, lowerColumns);
      zeros += countVector<T>(first, columnBits<T>(column, columns), window, counts);
      zeros += countVector<T>(second, columnBits<T>(column, lowerColumns), window, counts);
    }
  }
  zeros = warpSum(zeros);
  if (laneIndex() == 0 && zeros != 0u) {
    atomicAdd(&counts[0], zeros);
  }
  __syncthreads();
  for (unsigned i = threadIdx.x; i < WINDOW_BINS; i += blockDim.x) {
    if (window[i] != 0u) {
      atomicAdd(&counts[WINDOW_LOW + i], window[i]);
    }
  }
}

template <class T>
static __device__ __forceinline__ void countLower(
    const void *source, unsigned rows, unsigned columns, long long stride, unsigned wanted, unsigned *counts) {
  __shared__ unsigned rounds[ROUND_BINS];
  if (threadIdx.x < ROUND_BINS) {
    rounds[threadIdx.x] = 0;
  }
  __syncthreads();
  unsigned zeros = 0;
  for (unsigned row = blockIdx.x; row < rows; row += gridDim.x) {
    const typename T::Element *elements = rowOf<T>(source, row, stride);
    for (unsigned column = threadIdx.x * T::VECTOR; column < columns; column += blockDim.x * T::VECTOR) {
      Words words = loadVector<T>(elements, column, columns);
      unsigned inRow = columnBits<T>(column, columns);
#pragma unroll
      for (unsigned j = 0; j < T::VECTOR; j++) {
        unsigned magnitude = T::magnitude(T::element(words, j));
        unsigned lower = magnitude & 0xffffu;
        bool counted = magnitude >> 16 == wanted && (inRow >> j & 1u) != 0u;
        zeros += counted && lower == 0u ? 1u : 0u;
        bool round = (lower & ((1u << TRAILING_BITS) - 1u)) == 0u;
        if (counted && lower != 0u && round) {
          atomicAdd(&rounds[lower >> TRAILING_BITS], 1u);
        }
        if (counted && !round) {
          atomicAdd(&counts[lower], 1u);
        }
      }
    }
  }
  zeros = warpSum(zeros);
  if (laneIndex() == 0) {
    atomicAdd(&rounds[0], zeros);
  }
  __syncthreads();
  if (threadIdx.x < ROUND_BINS && rounds[threadIdx.x] != 0u) {
    atomicAdd(&counts[threadIdx.x << TRAILING_BITS], rounds[threadIdx.x]);
  }
}

#define MAGNITUDES(SUFFIX, TYPE)                                                                                 \
  extern "C" __global__ void __launch_bounds__(512, 2) count_upper_##SUFFIX(                                     \
      const void *source, int rows, int columns, long long stride, unsigned *counts) {                           \
    countUpper<TYPE>(source, static_cast<unsigned>(rows), static_cast<unsigned>(columns), stride, counts);       \
  }                                                                                                              \
                                                                                                                 \
  extern "C" __global__ void __launch_bounds__(256, 4) count_lower_##SUFFIX(                                     \
      const void *source, int rows, int columns, long long stride, int upper, unsigned *counts) {                \
    countLower<TYPE>(                                                                                            \
        source, static_cast<unsigned>(rows), static_cast<unsigned>(columns), stride, static_cast<unsigned>(upper), \
        counts);                                                                                                 \
  }

MAGNITUDES(f32, Float32)
MAGNITUDES(f16, Float16)
MAGNITUDES(bf16, BFloat16)
