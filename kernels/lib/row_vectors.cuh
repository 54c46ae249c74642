#pragma once
#include "score_keys.cuh"

// Vectors of a row in global or shared memory. Rows start at a multiple of 16 bytes; what lies between a row's last
// column and the next row is neither read nor written, so a row's last vector goes element by element where the columns
// don't fill it.

// The key of what is no column: no range of keys holds it, and it is above every limit.
constexpr unsigned OUTSIDE = 0xffffffffu;

// What is no candidate, where values are compared with signs.
constexpr unsigned NO_CANDIDATE = 0x7fffffffu;

// A block's row, what its columns are worth, and where its results go. Addresses are computed where they are used, so
// that no register holds one during a search.
template <class T>
struct RowPlace {
  using Element = typename T::Element;

  const void *sources;
  const float *norms;
  void *destinations;
  unsigned *masks;  // null where none is wanted
  unsigned columns;
  long long stride;
  unsigned row = blockIdx.x;

  __device__ __forceinline__ const Element *source() const {
    return static_cast<const Element *>(sources) + row * stride;
  }

  __device__ __forceinline__ Element *destination() const {
    return static_cast<Element *>(destinations) + row * stride;
  }

  __device__ __forceinline__ unsigned key(unsigned column) const {
    return scoreKey(T::magnitude(source()[column]), norms[column]);
  }

  __device__ __forceinline__ unsigned maskWords() const { return (columns + 31u) / 32u; }

  // The row's mask, or null.
  __device__ __forceinline__ unsigned *mask() const {
    return masks == nullptr ? nullptr : masks + static_cast<long long>(row) * maskWords();
  }
};

template <class T>
static __device__ __forceinline__ Words loadWholeVector(const typename T::Element *from) {
  uint4 vector = *reinterpret_cast<const uint4 *>(from);
  return {{vector.x, vector.y, vector.z, vector.w}};
}

template <class T>
static __device__ __forceinline__ Words loadVector(
    const typename T::Element *row, unsigned column, unsigned columns) {
  Words words = {{0u, 0u, 0u, 0u}};
  if (column + T::VECTOR <= columns) {
    words = loadWholeVector<T>(row + column);
  } else if (column < columns) {
#pragma unroll
    for (unsigned j = 0; j < T::VECTOR; j++) {
      if (column + j < columns) {
        T::put(words, j, row[column + j]);
      }
    }
  }
  return words;
}

template <class T>
static __device__ __forceinline__ void storeWholeVector(typename T::Element *to, const Words &words) {
  *reinterpret_cast<uint4 *>(to) = make_uint4(words.word[0], words.word[1], words.word[2], words.word[3]);
}

template <class T>
static __device__ __forceinline__ void storeVector(
    typename T::Element *row, unsigned column, unsigned columns, const Words &words) {
  if (column + T::VECTOR <= columns) {
    storeWholeVector<T>(row + column, words);
  } else if (column < columns) {
#pragma unroll
    for (unsigned j = 0; j < T::VECTOR; j++) {
      if (column + j < columns) {
        row[column + j] = T::element(words, j);
      }
    }
  }
}

// The keys of a vector's finite elements; the norms start at a multiple of 16 bytes.
template <class T>
static __device__ __forceinline__ void wholeVectorKeys(const Words &words, const float *norms, unsigned *keys) {
#pragma unroll
  for (unsigned j = 0; j < T::VECTOR; j += 4) {
    float4 norm = *reinterpret_cast<const float4 *>(norms + j);
    keys[j] = scoreKey(T::magnitude(words, j), norm.x);
    keys[j + 1] = scoreKey(T::magnitude(words, j + 1), norm.y);
    keys[j + 2] = scoreKey(T::magnitude(words, j + 2), norm.z);
    keys[j + 3] = scoreKey(T::magnitude(words, j + 3), norm.w);
  }
}

template <class T>
static __device__ __forceinline__ void vectorKeys(
    const Words &words, const float *norms, unsigned column, unsigned columns, unsigned *keys) {
  if (column + T::VECTOR <= columns) {
    wholeVectorKeys<T>(words, norms + column, keys);
  } else {
#pragma unroll
    for (unsigned j = 0; j < T::VECTOR; j++) {
      keys[j] = column + j < columns ? scoreKey(T::magnitude(words, j), norms[column + j]) : OUTSIDE;
    }
  }
}

// Appends a bit for each of `WIDTH` neighbouring keys that says whether it is lower than the limit, the first column's
// lowest. What is no column is never lower.
template <unsigned WIDTH>
static __device__ __forceinline__ unsigned appendLower(unsigned bits, const unsigned *keys, float limit) {
#pragma unroll
  for (unsigned j = WIDTH; j-- > 0;) {
    // Both are finite and not negative, or the key is NaN: the difference has the right sign, however small.
    bits = __funnelshift_l(__float_as_uint(__fsub_rn(__uint_as_float(keys[j]), limit)), bits, 1);
  }
  return bits;
}

// The bits of those of a vector's elements that are columns of the row.
template <class T>
static __device__ __forceinline__ unsigned columnBits(unsigned column, unsigned columns) {
  constexpr unsigned ALL = (1u << T::VECTOR) - 1u;
  if (column + T::VECTOR <= columns) {
    return ALL;
  }
  return column < columns ? (1u << (columns - column)) - 1u : 0u;
}

// The bits of a vector's elements that are +0.0 or -0.0, those that are no columns included.
template <class T>
static __device__ __forceinline__ unsigned zeroBits(const Words &words) {
  unsigned bits = 0;
#pragma unroll
  for (unsigned j = 0; j < T::VECTOR; j++) {
    bits |= (T::element(words, j) & (MAGNITUDE >> (T::VECTOR == 8 ? 16 : 0))) == 0u ? 1u << j : 0u;
  }
  return bits;
}

// Whether all elements of a vector are finite.
template <class T>
static __device__ __forceinline__ bool finiteWords(const Words &words) {
  unsigned zeros = 0;
#pragma unroll
  for (unsigned i = 0; i < 4; i++) {
    zeros = T::zeroOrNan(zeros, words.word[i]);
  }
  return (zeros & T::MAGNITUDES) == 0u;
}

// The lowest column of a vector that is NaN or infinite. Rare, so it isn't unrolled into more registers.
template <class T>
static __device__ __forceinline__ unsigned firstNonFinite(const Words &words, unsigned column) {
  unsigned first = OUTSIDE;
#pragma unroll
  for (unsigned j = 0; j < T::VECTOR; j++) {
    if (first == OUTSIDE && !T::finite(T::element(words, j))) {
      first = column + j;
    }
  }
  return first;
}

template <class T>
static __device__ __forceinline__ void putMaskByte(const RowPlace<T> &place, unsigned column, unsigned kept) {
  reinterpret_cast<unsigned char *>(place.mask())[column / 8] = static_cast<unsigned char>(kept);
}

// Writes the bits of what is kept of one vector, those of its columns. Every lane of the warp has to come here, with
// neighbouring vectors: 8 columns are a byte of the mask, which for F32 two lanes fill. Vectors past the last column
// write the zeros that fill a mask's last word.
template <class T>
static __device__ __forceinline__ void writeMask(const RowPlace<T> &place, unsigned column, unsigned kept) {
  if (place.masks != nullptr) {
    unsigned byte = kept;
    if (T::VECTOR == 4) {
      byte |= __shfl_xor_sync(0xffffffffu, kept, 1) << 4;
    }
    if (column % 8 == 0 && column < place.maskWords() * 32u) {
      putMaskByte(place, column, byte);
    }
  }
}

// Writes the result of one vector and returns the bits of what is kept. Every lane of the warp has to come here, see
// writeMask.
template <class T>
static __device__ __forceinline__ unsigned writeVector(
    const RowPlace<T> &place, unsigned column, const Words &words, const bool *picked) {
  storeVector<T>(place.destination(), column, place.columns, T::prune(words, picked));
  unsigned kept = 0;
#pragma unroll
  for (unsigned j = 0; j < T::VECTOR; j++) {
    kept |= picked[j] ? 0u : 1u << j;
  }
  kept &= columnBits<T>(column, place.columns);
  writeMask<T>(place, column, kept);
  return kept;
}

// The same with the bits of what is picked, all of them columns.
template <class T>
static __device__ __forceinline__ void writePicked(
    const RowPlace<T> &place, unsigned column, const Words &words, unsigned picked) {
  storeVector<T>(place.destination(), column, place.columns, T::prune(words, picked));
  writeMask<T>(place, column, columnBits<T>(column, place.columns) & ~picked);
}
