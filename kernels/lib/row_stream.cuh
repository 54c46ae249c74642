#pragma once
#include "reduce.cuh"
#include "row_report.cuh"
#include "row_vectors.cuh"

// One pass over a row by one block, where a vector and its neighbour lane's hold all that decides what is picked.
//
// rule.pick<T>(keys, picked) is called on every lane of a warp alike.
template <class T, class Rule>
static __device__ __forceinline__ void pruneStream(const RowPlace<T> &place, const Rule &rule, int *report) {
  __shared__ RowCounts counts;
  clearCounts(counts);
  __syncthreads();
  unsigned columns = place.columns;
  unsigned step = blockDim.x * T::VECTOR;
  unsigned pickedCount = 0;
  unsigned zeros = 0;
  for (unsigned first = 0; first < columns; first += step) {
    unsigned column = first + threadIdx.x * T::VECTOR;
    Words words = loadVector<T>(place.source(), column, columns);
    unsigned keys[T::VECTOR];
    vectorKeys<T>(words, place.norms, column, columns, keys);
    bool picked[T::VECTOR];
    rule.template pick<T>(keys, picked);
    unsigned kept = writeVector<T>(place, column, words, picked);
    unsigned gone = columnBits<T>(column, columns) & ~kept;
    pickedCount += __popc(gone);
    zeros += __popc(gone | (kept & zeroBits<T>(words)));
    if (!T::finite(words)) {
      atomicMin(&counts.nonFinite, firstNonFinite<T>(words, column));
    }
  }
  writeReport(counts, pickedCount, zeros, report);
}
