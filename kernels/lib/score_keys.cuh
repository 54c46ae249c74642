#pragma once
#include "device.cuh"

// The three types of a checkpoint's weights, as integers. 16 bytes of a row are a vector of VECTOR elements, held in
// four words; a magnitude is the bits of |w| widened exactly to float32, so that magnitudes are ordered as integers.
// BF16 is the upper half of a float32; of F16, one instruction takes either half of a word.

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
  static constexpr unsigned MAGNITUDES = MAGNITUDE;

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

  // Zeros, or NaN from the first word on that isn't finite.
  static __device__ __forceinline__ unsigned zeroOrNan(unsigned before, unsigned word) {
    return __float_as_uint(__fmaf_rn(__uint_as_float(word), 0.0f, __uint_as_float(before)));
  }

  static __device__ __forceinline__ void put(Words &words, unsigned j, Element element) { words.word[j] = element; }

  // Sets what is picked to zero, a bit for each element.
  static __device__ __forceinline__ Words prune(const Words &words, unsigned picked) {
    Words result;
#pragma unroll
    for (unsigned i = 0; i < 4; i++) {
      result.word[i] = (picked & 1u << i) != 0u ? 0u : words.word[i];
    }
    return result;
  }

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
  static constexpr unsigned MAGNITUDES = 0x7fff7fffu;

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

  // Sets what is picked to zero, a bit for each element: of each word's two, one copy moves the first to the lower half's
  // sign and another the second to the upper half's.
  static __device__ __forceinline__ Words prune(const Words &words, unsigned picked) {
    Words result;
#pragma unroll
    for (unsigned i = 0; i < 4; i++) {
      unsigned signs = picked * (1u << (15u - 2u * i) | 1u << (30u - 2u * i));
      result.word[i] = words.word[i] & ~signsOfHalves(signs);
    }
    return result;
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
    return __float_as_uint(fabsf(widenHalf(element(words, j))));
  }

  // Zeros, or NaN in a half from the first one on that isn't finite.
  static __device__ __forceinline__ unsigned zeroOrNan(unsigned before, unsigned word) {
    return zeroOrNanF16(before, word);
  }

  // Of any element: infinity and NaN need the larger exponent besides.
  static __device__ __forceinline__ unsigned magnitude(Element element) {
    unsigned placed = (element & 0x7fffu) << 13;
    unsigned widened = __float_as_uint(__fmul_rn(__uint_as_float(placed), HALF_TO_FLOAT));
    return finite(element) ? widened : widened + HALF_INFINITE_REBIAS;
  }
};

struct BFloat16 : TwoInAWord<0x7f80u> {
  static __device__ __forceinline__ unsigned zeroOrNan(unsigned before, unsigned word) {
    return zeroOrNanBf16(before, word);
  }

  static __device__ __forceinline__ unsigned magnitude(const Words &words, unsigned j) {
    unsigned word = words.word[j / 2];
    return __float_as_uint(fabsf(__uint_as_float(j % 2 == 0 ? word << 16 : word & 0xffff0000u)));
  }

  static __device__ __forceinline__ unsigned magnitude(Element element) { return (element & 0x7fffu) << 16; }
};

// A score as a key: |w| * norm, rounded once to float32. It is not negative, so its bits are ordered as it is.
static __device__ __forceinline__ unsigned scoreKey(unsigned magnitude, float norm) {
  return __float_as_uint(__fmul_rn(__uint_as_float(magnitude), norm));
}
