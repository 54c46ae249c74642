// Quantized weights as QuantizedMatrix has them: codes in a stream of bits, and scales of blocks. An element is
// (value of the code - zero point) * scale * factor, or / factor, each rounded to nearest.
//
// A small floating-point number's exponent and fraction, moved to where a float32 has them, are the number divided by a
// power of two, as a subnormal where it is one: multiplying by that power is exact.
#define WEIGHT_F16
#include "widen.cl"

// In the order of NumberFormat, by which the host passes them.
enum number_format { E4M3, E5M2, E2M1, E8M0, I8, UNSIGNED, F16, BF16, F32 };

typedef struct {
  __global uchar *codes;
  long row_bits, column_bits;
  int bits, format;
  __global const uchar *scales;
  int scale_format, first_row, block_rows, block_columns, groups;
  __global const int *group_of;
  __global const uchar *zeros;
  int zero;
  float factor;
  int divides;
} codes_t;

// What every kernel takes of them, and as one.
#define CODES_PARAMETERS                                                                                       \
  __global uchar *codes, ulong codes_offset, long row_bits, long column_bits, int bits, int format,            \
      __global const uchar *scales, ulong scales_offset, int scale_format, int first_row, int block_rows,      \
      int block_columns, int groups, __global const int *group_of, ulong group_of_offset,                      \
      __global const uchar *zeros, ulong zeros_offset, int zero, float factor, int divides
#define CODES                                                                                                  \
  {POINTER(uchar, codes), row_bits, column_bits, bits, format, CONST_POINTER(uchar, scales), scale_format,     \
   first_row, block_rows, block_columns, groups, group_of == 0 ? 0 : CONST_POINTER(int, group_of),             \
   zeros == 0 ? 0 : CONST_POINTER(uchar, zeros), zero, factor, divides}

float number_of(int format, uint code) {
  switch (format) {
    case E4M3:
      return (code & 0x7fu) == 0x7fu ? as_float(0x7fc00000u)
                                     : as_float((code & 0x7fu) << 20 | (code & 0x80u) << 24) * 0x1p120f;
    case E5M2: return widen((weight_t)(code << 8));
    case E2M1: return as_float((code & 7u) << 22 | (code & 8u) << 28) * 0x1p126f;
    case E8M0: return as_float(code == 255u ? 0x7fc00000u : code == 0u ? 0x00400000u : code << 23);
    case I8: return (float)(char)code;
    case UNSIGNED: return (float)code;
    case F16: return widen((weight_t)code);
    case BF16: return as_float(code << 16);
    default: return as_float(code);
  }
}

float scale_at(codes_t w, long index) {
  uint code = w.scale_format == F32   ? ((__global const uint *)w.scales)[index]
              : w.scale_format >= F16 ? ((__global const ushort *)w.scales)[index]
                                      : w.scales[index];
  return number_of(w.scale_format, code);
}

// The number of a row's first scale.
long row_scales(codes_t w, int row) { return (long)((w.first_row + row) / w.block_rows) * w.groups; }

int column_group(codes_t w, int column) { return w.group_of == 0 ? column / w.block_columns : w.group_of[column]; }

uint zero_code(codes_t w, long index) { return w.zeros == 0 ? (uint)w.zero : w.zeros[index]; }

// A code is in one byte or in two.
uint code_at(codes_t w, long bit) {
  __global const uchar *from = w.codes + bit / 8;
  uint shift = (uint)(bit % 8);
  uint word = shift + w.bits > 8 ? (from[0] | (uint)from[1] << 8) : from[0];
  return word >> shift & ((1u << w.bits) - 1u);
}

// The number from 2^23 to 2^24 whose product with 2^(exponent - 150) is a float32's magnitude, which isn't 0.
uint normalized(uint magnitude, int *exponent) {
  int raised = max((int)clz(magnitude) - 8, 0);
  bool normal = magnitude >= 0x00800000u;
  *exponent = normal ? (int)(magnitude >> 23) : 1 - raised;
  return normal ? (magnitude & 0x007fffffu) | 0x00800000u : magnitude << raised;
}

// a / b to nearest, ties to even, for b above 0, in whole numbers: not all devices round quotients so.
float quotient(float a, float b) {
  uint magnitude = as_uint(a) & 0x7fffffffu;
  if (magnitude == 0 || magnitude >= 0x7f800000u) {
    return a;
  }
  int above;
  int below;
  ulong dividend = (ulong)normalized(magnitude, &above) << 26;
  uint divisor = normalized(as_uint(b), &below);
  uint whole = (uint)(dividend / divisor);
  uint rest = dividend % divisor != 0;
  // The whole number has 26 or 27 bits, of which 24 stay; fewer of a subnormal number.
  int unit = above - below - 26;
  int dropped = min(max(8 - (int)clz(whole), -149 - unit), 31);
  uint kept = whole >> dropped;
  uint half_unit = 1u << (dropped - 1);
  uint lost = whole & (2u * half_unit - 1u);
  kept += lost > half_unit || (lost == half_unit && (rest != 0 || (kept & 1u) != 0));
  int exponent = unit + dropped + 149;
  uint bits = exponent > 253 ? 0x7f800000u : ((uint)max(exponent, 0) << 23) + kept;
  return as_float((as_uint(a) & 0x80000000u) | bits);
}

float element(codes_t w, uint code, float zero, float scale) {
  float product = (number_of(w.format, code) - zero) * scale;
  return w.divides ? quotient(product, w.factor) : product * w.factor;
}
