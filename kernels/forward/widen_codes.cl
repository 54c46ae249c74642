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

__kernel void widen_codes(
    CODES_PARAMETERS, __global float *out, ulong out_offset, long stride, int rows, int columns) {
  int column = (int)get_global_id(0);
  if (column >= columns) {
    return;
  }
  codes_t w = CODES;
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    long index = row_scales(w, (int)row) + column_group(w, column);
    float none = number_of(format, zero_code(w, index));
    uint code = code_at(w, row * row_bits + column * column_bits);
    POINTER(float, out)[row * stride + column] = element(w, code, none, scale_at(w, index));
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
    CODES_PARAMETERS, __global const uint *mask, ulong mask_offset, int rows, int columns) {
  int eight = (int)get_global_id(0) * 8;
  if (eight >= columns) {
    return;
  }
  codes_t w = CODES;
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    __global const uint *kept = CONST_POINTER(uint, mask) + row * ((columns + 31) / 32);
    for (int column = eight; column < min(eight + 8, columns); column++) {
      if ((kept[column / 32] >> column % 32 & 1u) == 0) {
        uint code = zero_code(w, row_scales(w, (int)row) + column_group(w, column));
        set_code(POINTER(uchar, codes), row * row_bits + column * column_bits, bits, code);
      }
    }
  }
}
