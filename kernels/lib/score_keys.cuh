#pragma once
#include "device.cuh"

// The three types of a checkpoint's weights, as integers. 16 bytes of a row are a vector of VECTOR elements, held in
// four words; a magnitude is the bits of |w| widened exactly to float32, so that magnitudes are ordered as integers.
// Widening needs no conversion instruction: BF16 is the upper half of a float32, and F16 becomes one by moving its bits
// into place and multiplying by 2^112, which is exact and makes a normal number of a subnormal one.

struct Words {
  unsigned word[4];
};

constexpr unsigned MAGNITUDE = 0x7fffffffu;
constexpr unsigned INFINITE = 0x7f800000u;
constexpr float HALF_TO_FLOAT = 0x1p112f;
constexpr unsigned HALF_INFINITE_REBIAS = 0x38000000u;

struct Float32 {
  using Element = unsigned;
  static constexpr unsigned VECTOR = 4;

  static __device__ __forceinline__ Element element(const Words &words, unsigned j) { return words.word[j]; }

  // Of a finite element.
  static __device__ __forceinline__ unsigned magnitude(const Words &words, unsigned j) {
    return words.word[j] & MAGNITUDE;
  }

  static __device__ __forceinline__ unsigned magnitude(Element element) { return element & MAGNITUDE; }

  static __device__ __forceinline__ bool finite(Element element) { return (element & MAGNITUDE) < INFINITE; }

  // Whether all are; an exponent of ones carries into the sign's place.
  static __device__ __forceinline__ bool finite(const Words &words) {
    unsigned carries = 0;
#pragma unroll
    for (unsigned i = 0; i < 4; i++) {
      carries |= (words.word[i] & MAGNITUDE) + 0x00800000u;
    }
    return (carries & 0x80000000u) == 0;
  }

  static __device__ __forceinline__ void put(Words &words, unsigned j, Element element) { words.word[j] = element; }

  static __device__ __forceinline__ Words prune(const Words &words, const bool *picked) {
    Words result;
#pragma unroll
    for (unsigned i = 0; i < 4; i++) {
      result.word[i] = picked[i] ? 0u : words.word[i];
    }
    return result;
  }
};

// What F16 and BF16 have in common: two elements in a word, the lower column in the lower half.
template <unsigned INFINITE_BITS>
struct TwoInAWord {
  using Element = unsigned short;
  static constexpr unsigned VECTOR = 8;

  static __device__ __forceinline__ Element element(const Words &words, unsigned j) {
    return static_cast<Element>(words.word[j / 2] >> (j % 2 * 16));
  }

  static __device__ __forceinline__ bool finite(Element element) { return (element & 0x7fffu) < INFINITE_BITS; }

  static __device__ __forceinline__ bool finite(const Words &words) {
    constexpr unsigned CARRY = 0x8000u - INFINITE_BITS;
    unsigned carries = 0;
#pragma unroll
    for (unsigned i = 0; i < 4; i++) {
      carries |= (words.word[i] & 0x7fff7fffu) + (CARRY << 16 | CARRY);
    }
    return (carries & 0x80008000u) == 0;
  }

  static __device__ __forceinline__ void put(Words &words, unsigned j, Element element) {
    words.word[j / 2] |= static_cast<unsigned>(element) << (j % 2 * 16);
  }

  static __device__ __forceinline__ Words prune(const Words &words, const bool *picked) {
    Words result;
#pragma unroll
    for (unsigned i = 0; i < 4; i++) {
      unsigned lower = picked[2 * i] ? 0u : 0x0000ffffu;
      unsigned upper = picked[2 * i + 1] ? 0u : 0xffff0000u;
      result.word[i] = words.word[i] & (lower | upper);
    }
    return result;
  }
};

struct Float16 : TwoInAWord<0x7c00u> {
  // Of a finite element.
  static __device__ __forceinline__ unsigned magnitude(const Words &words, unsigned j) {
    unsigned word = words.word[j / 2];
    unsigned placed = (j % 2 == 0 ? word << 13 : word >> 3) & 0x0fffe000u;
    return __float_as_uint(__fmul_rn(__uint_as_float(placed), HALF_TO_FLOAT));
  }

  // Of any element: infinity and NaN need the larger exponent besides.
  static __device__ __forceinline__ unsigned magnitude(Element element) {
    unsigned placed = (element & 0x7fffu) << 13;
    unsigned widened = __float_as_uint(__fmul_rn(__uint_as_float(placed), HALF_TO_FLOAT));
    return finite(element) ? widened : widened + HALF_INFINITE_REBIAS;
  }
};

struct BFloat16 : TwoInAWord<0x7f80u> {
  static __device__ __forceinline__ unsigned magnitude(const Words &words, unsigned j) {
    unsigned word = words.word[j / 2];
    return (j % 2 == 0 ? word << 16 : word) & 0x7fff0000u;
  }

  static __device__ __forceinline__ unsigned magnitude(Element element) { return (element & 0x7fffu) << 16; }
};

// A score as a key: |w| * norm, rounded once to float32. It is not negative, so its bits are ordered as it is.
static __device__ __forceinline__ unsigned scoreKey(unsigned magnitude, float norm) {
  return __float_as_uint(__fmul_rn(__uint_as_float(magnitude), norm));
}
