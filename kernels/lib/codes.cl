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
  __global const uchar *codes;
  long row_bits, column_bits;
  int bits, format;
  __global const uchar *scales;
  int scale_format, first_row, block_rows, block_columns, groups;
  __global const int *group_of;
  __global const uchar *zeros;
  int zero;
} codes_t;

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

long scale_index(codes_t w, int row, int column) {
  int group = w.group_of == 0 ? column / w.block_columns : w.group_of[column];
  return (long)((w.first_row + row) / w.block_rows) * w.groups + group;
}

uint zero_code(codes_t w, long index) { return w.zeros == 0 ? (uint)w.zero : w.zeros[index]; }

// A code is in one byte or in two.
uint code_at(codes_t w, long bit) {
  __global const uchar *from = w.codes + bit / 8;
  uint shift = (uint)(bit % 8);
  uint word = shift + w.bits > 8 ? (from[0] | (uint)from[1] << 8) : from[0];
  return word >> shift & ((1u << w.bits) - 1u);
}
