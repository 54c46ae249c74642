// A quantized weight's rows as float32, for the linear layer and for selection, and its codes where a mask prunes them.
//
//   widen_codes  out[r, c] is the element that QuantizedMatrix says, to the bit: products in its order, no fused
//                multiply-add, the quotient correctly rounded
//   prune_codes  codes whose bit in the mask is not set become that of 0; all other bits stay as they are
//
// One block of whole warps for each row (grid.x), whose threads walk along its columns, so that neighbours read and write
// side by side; of prune_codes along eights of columns, whose codes share no byte with those of another thread. Widening
// reads 1/8 to 1 byte a code (a second byte of one that crosses bytes, and scales and zero points, from a cache but for
// the first time) and writes 4 bytes. Pruning reads an eighth of a byte of mask and reads and writes the codes of what is
// pruned. No shared memory, no barriers.
#include "codes.cuh"

extern "C" __global__ void widen_codes(CODES_PARAMETERS, float *out, long long stride, int columns) {
  const Codes w = CODES;
  const int row = static_cast<int>(blockIdx.x);
  const long long scale = firstScale(w, row);
  for (int column = threadIdx.x; column < columns; column += blockDim.x) {
    const long long index = scale + columnGroup(w, column);
    const float zero = numberOf(format, zeroCode(w, index));
    out[row * stride + column] = element(w, codeAt(w, row * rowBits + column * columnBits), zero, scaleAt(w, index));
  }
}

static __device__ __forceinline__ void setCode(unsigned char *codes, long long bit, int bits, unsigned code) {
  unsigned char *to = codes + bit / 8;
  const unsigned shift = bit % 8;
  const unsigned own = ((1u << bits) - 1u) << shift;
  to[0] = static_cast<unsigned char>((to[0] & ~own) | (code << shift & own));
  if (shift + bits > 8) {
    to[1] = static_cast<unsigned char>((to[1] & ~(own >> 8)) | (code << shift & own) >> 8);
  }
}

extern "C" __global__ void prune_codes(CODES_PARAMETERS, const unsigned *mask, int columns) {
  const Codes w = CODES;
  const int row = static_cast<int>(blockIdx.x);
  const long long scale = firstScale(w, row);
  const unsigned *kept = mask + static_cast<long long>(row) * ((columns + 31) / 32);
  for (int eight = threadIdx.x * 8; eight < columns; eight += blockDim.x * 8) {
    for (int column = eight; column < columns && column < eight + 8; column++) {
      if ((kept[column / 32] >> column % 32 & 1u) == 0) {
        setCode(codes, row * rowBits + column * columnBits, bits, zeroCode(w, scale + columnGroup(w, column)));
      }
    }
  }
}
