// Scores as integers; included, not compiled by itself.
//
// 16-bit values are widened by integer arithmetic, so that no device can round or flush them; a score is one float32
// product, rounded once, and its bits are its key: scores are not negative, so keys are ordered as scores are. Columns
// past the row's end have the key PAST, which is above every score's.

#pragma OPENCL FP_CONTRACT OFF

#include "row_vectors.cl"

#define PAST 0xffffffffu
#define NON_FINITE 0x7f800000u

// The bits of |w| widened to float32. A subnormal F16 is an integer times 2^-24, both of which float32 holds exactly.
static uint8 magnitudes(uint8 raw) {
#if defined(F32)
  return raw & 0x7fffffffu;
#elif defined(BF16)
  return (raw & 0x7fffu) << 16;
#else
  uint8 half_bits = raw & 0x7fffu;
  uint8 normal = (half_bits << 13) + (112u << 23);
  uint8 infinite = (half_bits << 13) + (224u << 23);
  uint8 subnormal = as_uint8(convert_float8(half_bits) * 0x1p-24f);
  uint8 widened = select(normal, infinite, half_bits >= 0x7c00u);
  return select(widened, subnormal, half_bits < 0x0400u);
#endif
}

static uint magnitude(uint raw) {
  return magnitudes((uint8)(raw)).s0;
}

static bool any_non_finite(uint8 magnitude_bits) {
  return any(magnitude_bits >= NON_FINITE);
}

// The lowest column of an octet whose element is not finite.
static uint lowest_non_finite(uint8 magnitude_bits, uint octet) {
  uint bits[OCTET];
  vstore8(magnitude_bits, 0, bits);
  uint j = 0;
  while (bits[j] < NON_FINITE) {
    j++;
  }
  return OCTET * octet + j;
}

static uint8 score_keys(uint8 magnitude_bits, const __global float *norms, uint octet, uint columns) {
  if (is_whole(octet, columns)) {
    const __global float4 *quads = (const __global float4 *)norms + 2 * (size_t)octet;
    return as_uint8(as_float8(magnitude_bits) * (float8)(quads[0], quads[1]));
  }
  float tail[OCTET] = {0, 0, 0, 0, 0, 0, 0, 0};
  for (uint c = OCTET * octet; c < columns; c++) {
    tail[c % OCTET] = norms[c];
  }
  uint8 keys = as_uint8(as_float8(magnitude_bits) * vload8(0, tail));
  return select(keys, (uint8)(PAST), octet_columns(octet) >= columns);
}

static uint score_key(uint magnitude_bits, float norm) {
  return as_uint(as_float(magnitude_bits) * norm);
}
