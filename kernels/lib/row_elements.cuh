#pragma once
#include "row_vectors.cuh"

// Rows element by element, for groups whose size has nothing to do with vectors.

template <class T>
static __device__ __forceinline__ unsigned elementKey(typename T::Element element, float norm) {
  return scoreKey(T::magnitude(element), norm);
}

template <class T>
static __device__ __forceinline__ bool isZero(typename T::Element element) {
  return T::magnitude(element) == 0u;
}

// Mask words of a row, all zero; to be followed by a barrier.
static __device__ __forceinline__ void clearMask(unsigned *mask, unsigned columns) {
  for (unsigned word = threadIdx.x; mask != nullptr && word < (columns + 31u) / 32u; word += blockDim.x) {
    mask[word] = 0u;
  }
}

// Sets the mask's bits of up to 32 columns from `column` on; words are shared with others that do the same.
static __device__ __forceinline__ void addToMask(unsigned *mask, unsigned column, unsigned kept) {
  unsigned shift = column % 32u;
  unsigned lower = kept << shift;
  unsigned upper = shift == 0u ? 0u : kept >> (32u - shift);
  if (lower != 0u) {
    atomicOr(&mask[column / 32u], lower);
  }
  if (upper != 0u) {
    atomicOr(&mask[column / 32u + 1u], upper);
  }
}
