// Twins of CUDA's arithmetic intrinsics. Compiled with -ffp-contract=off, so that each rounds once, as its name says.
#pragma once

#define PRETEND_EXTREMES(type, low, high)                  \
  inline type min(type a, type b) { return low; }          \
  inline type max(type a, type b) { return high; }
PRETEND_EXTREMES(int, a < b ? a : b, a < b ? b : a)
PRETEND_EXTREMES(unsigned, a < b ? a : b, a < b ? b : a)
PRETEND_EXTREMES(long, a < b ? a : b, a < b ? b : a)
PRETEND_EXTREMES(unsigned long, a < b ? a : b, a < b ? b : a)
PRETEND_EXTREMES(long long, a < b ? a : b, a < b ? b : a)
PRETEND_EXTREMES(unsigned long long, a < b ? a : b, a < b ? b : a)
PRETEND_EXTREMES(float, std::fmin(a, b), std::fmax(a, b))
PRETEND_EXTREMES(double, std::fmin(a, b), std::fmax(a, b))
#undef PRETEND_EXTREMES

inline int __popc(unsigned value) { return std::popcount(value); }
inline int __popcll(unsigned long long value) { return std::popcount(value); }
inline int __clz(int value) { return std::countl_zero(static_cast<unsigned>(value)); }
inline int __clzll(long long value) { return std::countl_zero(static_cast<unsigned long long>(value)); }
inline int __ffs(int value) { return value == 0 ? 0 : std::countr_zero(static_cast<unsigned>(value)) + 1; }
inline int __ffsll(long long value) {
  return value == 0 ? 0 : std::countr_zero(static_cast<unsigned long long>(value)) + 1;
}
inline unsigned __brev(unsigned value) {
  unsigned reversed = 0;
  for (int bit = 0; bit < 32; bit++) reversed |= (value >> bit & 1) << (31 - bit);
  return reversed;
}
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned long long>(a) * b >> 32; }
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return ((static_cast<unsigned long long>(high) << 32 | low) << (shift & 31)) >> 32;
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return (static_cast<unsigned long long>(high) << 32 | low) >> (shift & 31);
}
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const unsigned long long bytes = static_cast<unsigned long long>(b) << 32 | a;
  unsigned result = 0;
  for (int i = 0; i < 4; i++) {
    const unsigned choice = selector >> 4 * i & 15;
    unsigned byte = bytes >> 8 * (choice & 7) & 255;
    if (choice & 8) byte = byte & 128 ? 255 : 0;
    result |= byte << 8 * i;
  }
  return result;
}

inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline float __int_as_float(int bits) { return std::bit_cast<float>(bits); }

// A device has one NaN for all results, a positive one; x86 hands on that of an operand.
inline float oneNan(float value) { return value == value ? value : __uint_as_float(0x7fffffffu); }

inline float __fadd_rn(float a, float b) { return oneNan(a + b); }
inline float __fsub_rn(float a, float b) { return oneNan(a - b); }
inline float __fmul_rn(float a, float b) { return oneNan(a * b); }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fdividef(float a, float b) { return a / b; }
inline float __fsqrt_rn(float value) { return std::sqrt(value); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
// Beyond all integers it is the last one, and 0 for NaN.
inline int __float2int_rn(float value) {
  if (!(value < 0x1p31f)) return value == value ? INT_MAX : 0;
  return value < -0x1p31f ? INT_MIN : static_cast<int>(std::nearbyint(value));
}
inline float __int2float_rn(int value) { return static_cast<float>(value); }

inline float widenHalf(unsigned short half) {
  const unsigned sign = (half & 0x8000u) << 16, magnitude = (half & 0x7fffu) << 13;
  const bool finite = (half & 0x7fffu) < 0x7c00u;
  const unsigned bits = finite ? __float_as_uint(__uint_as_float(magnitude) * 0x1p112f) : magnitude | 0x7f800000u;
  return __uint_as_float(sign | bits);
}

inline unsigned signsOfHalves(unsigned word) { return __byte_perm(word, 0, 0xbb99); }

inline unsigned zeroOrNan(unsigned before, unsigned word, unsigned exponent) {
  for (int shift : {0, 16}) {
    if ((word >> shift & exponent) == exponent) before |= 0x7fffu << shift;
  }
  return before;
}

inline unsigned zeroOrNanF16(unsigned before, unsigned word) { return zeroOrNan(before, word, 0x7c00); }
inline unsigned zeroOrNanBf16(unsigned before, unsigned word) { return zeroOrNan(before, word, 0x7f80); }

template <class T>
T __ldg(const T *address) { return *address; }
