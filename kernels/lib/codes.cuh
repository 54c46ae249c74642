// Quantized weights as QuantizedMatrix has them: codes in a stream of bits, and scales of blocks. An element is
// (value of the code - zero point) * scale * factor, or / factor, each rounded to nearest.
//
// A small floating-point number's exponent and fraction, moved to where a float32 has them, are the number divided by a
// power of two, as a subnormal where it is one: multiplying by that power is exact.
#pragma once
#include "widen.cuh"

// In the order of NumberFormat, by which the host passes them.
enum NumberFormat { E4M3, E5M2, E2M1, E8M0, I8, UNSIGNED, F16, BF16, F32 };

struct Codes {
  unsigned char *codes;
  long long rowBits, columnBits;
  int bits, format;
  const unsigned char *scales;
  int scaleFormat, firstRow, blockRows, blockColumns, groups;
  const int *groupOf;
  const unsigned char *zeros;
  int zero;
  float factor;
  int divides;
};

// What every kernel takes of them, and as one.
#define CODES_PARAMETERS                                                                                          \
  unsigned char *codes, long long rowBits, long long columnBits, int bits, int format, const unsigned char *scales, \
      int scaleFormat, int firstRow, int blockRows, int blockColumns, int groups, const int *groupOf,             \
      const unsigned char *zeros, int zero, float factor, int divides
#define CODES                                                                                                  \
  {codes,        rowBits, columnBits, bits,  format, scales, scaleFormat, firstRow, blockRows,                 \
   blockColumns, groups,  groupOf,    zeros, zero,   factor, divides}

static __device__ __forceinline__ float numberOf(int format, unsigned code) {
  switch (format) {
    case E4M3:
      return (code & 0x7fu) == 0x7fu
                 ? __uint_as_float(0x7fc00000u)
                 : __uint_as_float((code & 0x7fu) << 20 | (code & 0x80u) << 24) * 0x1p120f;
    case E5M2: return Float16Values::widen(static_cast<unsigned short>(code << 8));
    case E2M1: return __uint_as_float((code & 7u) << 22 | (code & 8u) << 28) * 0x1p126f;
    case E8M0: return __uint_as_float(code == 255u ? 0x7fc00000u : code == 0u ? 0x00400000u : code << 23);
    case I8: return static_cast<float>(static_cast<signed char>(code));
    case UNSIGNED: return static_cast<float>(code);
    case F16: return Float16Values::widen(static_cast<unsigned short>(code));
    case BF16: return __uint_as_float(code << 16);
    default: return __uint_as_float(code);
  }
}

static __device__ __forceinline__ float scaleAt(const Codes &w, long long index) {
  return numberOf(w.scaleFormat, w.scaleFormat == F32   ? reinterpret_cast<const unsigned *>(w.scales)[index]
                                 : w.scaleFormat >= F16 ? reinterpret_cast<const unsigned short *>(w.scales)[index]
                                                        : w.scales[index]);
}

// The number of a row's first scale.
static __device__ __forceinline__ long long firstScale(const Codes &w, int row) {
  return static_cast<long long>((w.firstRow + row) / w.blockRows) * w.groups;
}

static __device__ __forceinline__ int columnGroup(const Codes &w, int column) {
  return w.groupOf == nullptr ? column / w.blockColumns : w.groupOf[column];
}

static __device__ __forceinline__ unsigned zeroCode(const Codes &w, long long index) {
  return w.zeros == nullptr ? w.zero : w.zeros[index];
}

// A code is in one byte or in two.
static __device__ __forceinline__ unsigned codeAt(const Codes &w, long long bit) {
  const unsigned char *from = w.codes + bit / 8;
  const unsigned shift = bit % 8;
  const unsigned word = shift + w.bits > 8 ? from[0] | static_cast<unsigned>(from[1]) << 8 : from[0];
  return word >> shift & ((1u << w.bits) - 1u);
}

static __device__ __forceinline__ float product(const Codes &w, unsigned code, float zero, float scale) {
  return __fmul_rn(__fsub_rn(numberOf(w.format, code), zero), scale);
}

static __device__ __forceinline__ float element(const Codes &w, unsigned code, float zero, float scale) {
  const float product = ::product(w, code, zero, scale);
  return w.divides != 0 ? __fdiv_rn(product, w.factor) : __fmul_rn(product, w.factor);
}
