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

static __device__ __forceinline__ void putReport(
    unsigned picked, unsigned zeros, unsigned nonFinite, unsigned row, int *report) {
  int *place = report + 3LL * row;
  place[0] = static_cast<int>(picked);
  place[1] = static_cast<int>(zeros);
  place[2] = static_cast<int>(nonFinite);
}

// Adds up every thread's counts and writes the row's report. Every thread of the block has to come here.
static __device__ __forceinline__ void writeReport(
    RowCounts &counts, unsigned picked, unsigned zeros, int *report, unsigned row = blockIdx.x) {
  picked = warpSum(picked);
  zeros = warpSum(zeros);
  if (laneIndex() == 0) {
    atomicAdd(&counts.picked, picked);
    atomicAdd(&counts.zeros, zeros);
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    putReport(counts.picked, counts.zeros, counts.nonFinite, row, report);
  }
}
