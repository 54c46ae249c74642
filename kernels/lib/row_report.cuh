#pragma once
#include "reduce.cuh"

// What a row came to, as the host reads it: three integers.

constexpr unsigned NO_COLUMN = 0xffffffffu;

// A row's counts while its block is at work; in shared memory.
struct RowCounts {
  unsigned picked;
  unsigned zeros;
  unsigned nonFinite;
};

// To be followed by a barrier.
static __device__ __forceinline__ void clearCounts(RowCounts &counts) {
  if (threadIdx.x == 0) {
    counts.picked = 0;
    counts.zeros = 0;
    counts.nonFinite = NO_COLUMN;
  }
}

// Adds up every thread's counts and writes the row's report. Every thread of the block has to come here.
static __device__ __forceinline__ void writeReport(RowCounts &counts, unsigned picked, unsigned zeros, int *report) {
  picked = warpSum(picked);
  zeros = warpSum(zeros);
  if (laneIndex() == 0) {
    atomicAdd(&counts.picked, picked);
    atomicAdd(&counts.zeros, zeros);
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    int *row = report + 3LL * blockIdx.x;
    row[0] = static_cast<int>(counts.picked);
    row[1] = static_cast<int>(counts.zeros);
    row[2] = static_cast<int>(counts.nonFinite);
  }
}
