// A quantized weight's rows as float32, for the linear layer and for selection, and its codes where a mask prunes them.
//
//   widen_codes  out[r, c] is the element that QuantizedMatrix says, to the bit: products in its order, no fused
//                multiply-add, the quotient correctly rounded
//   prune_codes  codes whose bit in the mask is not set become that of 0; all other bits stay as they are
//
// A work-item takes one column of a row at a time, of prune_codes eight columns, whose codes share no byte with those of
// another one; dimension 0 goes over the columns, dimension 1 over the rows, of which a work-item may have several. Widening
// reads 1/8 to 1 byte a code (a second byte of one that crosses bytes, and scales and zero points, from a cache but for
// the first time) and writes 4 bytes. Pruning reads an eighth of a byte of mask and reads and writes the codes of what is
// pruned. No local memory.
#include "device_pointer.cl"
#include "codes.cl"

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

__kernel void widen_codes(
    __global const uchar *codes, ulong codes_offset, long row_bits, long column_bits, int bits, int format,
    __global const uchar *scales, ulong scales_offset, int scale_format, int first_row, int block_rows, int block_columns,
    int groups, __global const int *group_of, ulong group_of_offset, __global const uchar *zeros, ulong zeros_offset,
    int zero, float factor, int divides, __global float *out, ulong out_offset, long stride, int rows, int columns) {
  int column = (int)get_global_id(0);
  if (column >= columns) {
    return;
  }
  codes_t w = {CONST_POINTER(uchar, codes), row_bits, column_bits, bits, format, CONST_POINTER(uchar, scales),
               scale_format, first_row, block_rows, block_columns, groups,
               group_of == 0 ? 0 : CONST_POINTER(int, group_of), zeros == 0 ? 0 : CONST_POINTER(uchar, zeros), zero};
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    long index = scale_index(w, (int)row, column);
    float value = number_of(format, code_at(w, row * row_bits + column * column_bits));
    float product = (value - number_of(format, zero_code(w, index))) * scale_at(w, index);
    POINTER(float, out)[row * stride + column] = divides ? quotient(product, factor) : product * factor;
  }
}

void set_code(__global uchar *codes, long bit, int bits, uint code) {
  __global uchar *to = codes + bit / 8;
  uint shift = (uint)(bit % 8);
  uint own = ((1u << bits) - 1u) << shift;
  to[0] = (uchar)((to[0] & ~own) | (code << shift & own));
  if (shift + bits > 8) {
    to[1] = (uchar)((to[1] & ~(own >> 8)) | (code << shift & own) >> 8);
  }
}

__kernel void prune_codes(
    __global uchar *codes, ulong codes_offset, long row_bits, long column_bits, int bits, int first_row, int block_rows,
    int block_columns, int groups, __global const int *group_of, ulong group_of_offset, __global const uchar *zeros,
    ulong zeros_offset, int zero, __global const uint *mask, ulong mask_offset, int rows, int columns) {
  int eight = (int)get_global_id(0) * 8;
  if (eight >= columns) {
    return;
  }
  codes_t w = {CONST_POINTER(uchar, codes), row_bits, column_bits, bits, 0, 0, 0, first_row, block_rows, block_columns,
               groups, group_of == 0 ? 0 : CONST_POINTER(int, group_of), zeros == 0 ? 0 : CONST_POINTER(uchar, zeros),
               zero};
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    __global const uint *kept = CONST_POINTER(uint, mask) + row * ((columns + 31) / 32);
    for (int column = eight; column < min(eight + 8, columns); column++) {
      if ((kept[column / 32] >> column % 32 & 1u) == 0) {
        uint code = zero_code(w, scale_index(w, (int)row, column));
        set_code(POINTER(uchar, codes), row * row_bits + column * column_bits, bits, code);
      }
    }
  }
}
