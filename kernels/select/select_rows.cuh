#pragma once
#include "radix_select.cuh"
#include "row_report.cuh"

// What the kernels that prune the lowest of whole rows share, however they hold the row. A Row has columns in vectors:
// forEachVector(f) calls f(column, words, keys) on every lane of a warp alike, in order of the columns.

// A row in memory, device or shared.
template <class T>
struct MemoryRow {
  static constexpr unsigned WIDTH = T::VECTOR;

  const RowPlace<T> &place;
  const typename T::Element *elements;

  __device__ __forceinline__ unsigned size() const { return place.columns; }

  __device__ __forceinline__ unsigned key(unsigned column) const { return place.key(column); }

  template <class F>
  __device__ __forceinline__ void forEachVector(F f) const {
    unsigned step = blockDim.x * T::VECTOR;
    for (unsigned first = 0; first < place.columns; first += step) {
      unsigned column = first + threadIdx.x * T::VECTOR;
      Words words = loadVector<T>(elements, column, place.columns);
      unsigned keys[T::VECTOR];
      vectorKeys<T>(words, place.norms, column, place.columns, keys);
      f(column, words, keys);
    }
  }

  template <class F>
  __device__ __forceinline__ void forEachKeys(F f) const {
    forEachVector([&](unsigned column, const Words &, const unsigned *keys) { f(column, keys); });
  }
};

// Looks for the lowest column that is NaN or infinite. Rare, so the row is read again.
template <class T>
static __device__ __forceinline__ void findNonFinite(const RowPlace<T> &place, RowCounts &counts) {
  for (unsigned column = threadIdx.x; column < place.columns; column += blockDim.x) {
    if (!T::finite(place.source()[column])) {
      atomicMin(&counts.nonFinite, column);
    }
  }
}

// Counts the zeros of a result that may have kept some, which is rare, so it is read again.
template <class T>
static __device__ __forceinline__ unsigned countZeros(const RowPlace<T> &place) {
  unsigned zeros = 0;
  for (unsigned column = threadIdx.x; column < place.columns; column += blockDim.x) {
    zeros += T::magnitude(place.destination()[column]) == 0u ? 1u : 0u;
  }
  return zeros;
}

// The highest of a thread's keys so far, or NOT_FINITE if one of its weights wasn't.
constexpr unsigned NOT_FINITE = 0xffffffffu;

template <class T>
static __device__ __forceinline__ unsigned highestOf(unsigned highest, const Words &words, const unsigned *keys) {
#pragma unroll
  for (unsigned j = 0; j < T::VECTOR; j++) {
    // As signed numbers, so that what is no column doesn't count.
    highest = static_cast<unsigned>(max(static_cast<int>(highest), static_cast<int>(keys[j])));
  }
  return highest;
}

// The bits of what is picked of a vector.
template <class T>
static __device__ __forceinline__ unsigned pickedOf(const Threshold &threshold, unsigned column, const unsigned *keys) {
  unsigned ties = threshold.column > column ? threshold.column - column : 0u;
  float limit = __uint_as_float(threshold.key + (ties > 0u ? 1u : 0u));
  unsigned picked = appendLower<T::VECTOR>(0u, keys, limit);
  if (ties - 1u < T::VECTOR - 1u) {
    // Among these columns the equal scores begin to be kept.
    picked &= ((1u << ties) - 1u) | appendLower<T::VECTOR>(0u, keys, __uint_as_float(threshold.key));
  }
  return picked;
}

// Selects and writes a row that was loaded, and returns what was picked, key 0 if it isn't finite. `highest` is highestOf
// all of the thread's vectors.
template <class T, class Row>
static __device__ __forceinline__ Threshold pruneLowest(
    const Row &row, const RowPlace<T> &place, unsigned count, unsigned highest, bool finite, int *report,
    const Histogram &histogram, Search &search, RowCounts &counts) {
  highest = blockMax(finite ? highest : NOT_FINITE, search.warps);
  if (highest == NOT_FINITE) {
    findNonFinite(place, counts);
    writeReport(counts, 0, 0, report, place.row);
    return {0u, 0u};
  }
  Threshold threshold = radixSelect(row, count, highest, histogram, search);
  row.forEachVector([&](unsigned column, const Words &words, const unsigned *keys) {
    unsigned ties = threshold.column > column ? threshold.column - column : 0u;
    bool picked[T::VECTOR];
#pragma unroll
    for (unsigned j = 0; j < T::VECTOR; j++) {
      picked[j] = keys[j] < threshold.key + (j < ties ? 1u : 0u);
    }
    writeVector<T>(place, column, words, picked);
  });
  unsigned picked = threadIdx.x == 0 ? count : 0u;
  unsigned zeros = picked;
  if (threshold.key == 0u) {
    // Above the zeros all of them are picked, but these may not be.
    __syncthreads();
    zeros = countZeros(place);
  }
  writeReport(counts, picked, zeros, report, place.row);
  return threshold;
}
