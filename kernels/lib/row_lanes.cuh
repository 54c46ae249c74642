// Half a warp for each row, 16 lanes, whose sums are added in the order of RowArithmetic: lanes l and l + 8, then l and
// l + 4, l + 2, l + 1.
#pragma once

#include "java_math.cuh"

constexpr int LANES = 16;

// A thread's row and what it has of it.
struct RowLane {
  const int row, lane;
  const bool there;
  // Its elements in a dense matrix: first, first + LANES and so on, before end.
  const long long first, end;
  const unsigned lanes;

  __device__ __forceinline__ RowLane(int rows, int columns)
      : row(static_cast<int>(blockIdx.x * (blockDim.x / LANES) + threadIdx.x / LANES)),
        lane(static_cast<int>(threadIdx.x) % LANES),
        there(row < rows),
        first(static_cast<long long>(row) * columns + lane),
        end(static_cast<long long>(row) * columns + columns),
        lanes(0xffffu << (threadIdx.x & LANES)) {}

  // The column of an element.
  __device__ __forceinline__ int column(long long element) const { return static_cast<int>(element - first) + lane; }

  // The sum of what the row's lanes bring, for each of them.
  __device__ __forceinline__ double total(double sum) const {
#pragma unroll
    for (int width = LANES / 2; width > 0; width /= 2) {
      sum += __shfl_down_sync(lanes, sum, width, LANES);
    }
    return __shfl_sync(lanes, sum, 0, LANES);
  }

  // The highest value of what the row's lanes bring, for each of them.
  __device__ __forceinline__ double highest(double value) const {
#pragma unroll
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
      value = higher(value, __shfl_xor_sync(lanes, value, distance, LANES));
    }
    return value;
  }

  // The row's number, which the first lane alone reads: it may write another one without waiting for the others.
  __device__ __forceinline__ double read(const double *numbers) const {
    return __shfl_sync(lanes, lane == 0 ? numbers[row] : 0.0, 0, LANES);
  }

  // Waits for the row's other lanes, which see what this one wrote.
  __device__ __forceinline__ void meet() const { __syncwarp(lanes); }
};
