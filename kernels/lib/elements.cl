// Rows of weights as the pruning kernels see them; included, not compiled by itself.
//
// A row is cut into octets of eight columns, one work-item to an octet: 16 bytes of a 16-bit type or twice 16 of F32,
// so that neighbouring work-items read neighbouring memory, and a byte of the packed mask, which no other work-item
// writes. The host defines F32, F16 or BF16. 16-bit values are widened by integer arithmetic, so that no device can
// round or flush them; a score is one float32 product, rounded once, and its bits are its key: scores are not negative,
// so keys are ordered as scores are. Columns past the row's end have the key PAST, which is above every score's.

#pragma OPENCL FP_CONTRACT OFF

#ifdef F32
typedef uint element;
#else
typedef ushort element;
#endif

#define OCTET 8
#define WORD 32
#define PAST 0xffffffffu
#define NON_FINITE 0x7f800000u
#define REPORT_INTS 3

static const __global element *row_at(const __global uchar *base, ulong offset, ulong stride, uint row) {
  return (const __global element *)(base + offset) + row * stride;
}

static __global element *out_row_at(__global uchar *base, ulong offset, ulong stride, uint row) {
  return (__global element *)(base + offset) + row * stride;
}

static uint8 octet_columns(uint octet) {
  return (uint8)(0, 1, 2, 3, 4, 5, 6, 7) + OCTET * octet;
}

static bool is_whole(uint octet, uint columns) {
  return columns - OCTET * octet >= OCTET;
}

// Elements past the row's end read as 0, which is finite.
static uint8 load_octet(const __global element *row, uint octet, uint columns) {
  if (is_whole(octet, columns)) {
#ifdef F32
    const __global uint4 *quads = (const __global uint4 *)row + 2 * (size_t)octet;
    return (uint8)(quads[0], quads[1]);
#else
    return convert_uint8(((const __global ushort8 *)row)[octet]);
#endif
  }
  uint tail[OCTET] = {0, 0, 0, 0, 0, 0, 0, 0};
  for (uint c = OCTET * octet; c < columns; c++) {
    tail[c % OCTET] = row[c];
  }
  return vload8(0, tail);
}

static void store_octet(uint8 raw, __global element *row, uint octet, uint columns) {
  if (is_whole(octet, columns)) {
#ifdef F32
    __global uint4 *quads = (__global uint4 *)row + 2 * (size_t)octet;
    quads[0] = raw.lo;
    quads[1] = raw.hi;
#else
    ((__global ushort8 *)row)[octet] = convert_ushort8(raw);
#endif
    return;
  }
  uint tail[OCTET];
  vstore8(raw, 0, tail);
  for (uint c = OCTET * octet; c < columns; c++) {
    row[c] = (element)tail[c % OCTET];
  }
}

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

// A byte with bit j set where lane j of `lanes` is true.
static uchar packed(int8 lanes) {
  uint8 bits = select((uint8)(0), (uint8)(1, 2, 4, 8, 16, 32, 64, 128), lanes);
  uint4 quad = bits.lo | bits.hi;
  return (uchar)(quad.x | quad.y | quad.z | quad.w);
}

static uint sum_lanes(uint8 counts) {
  uint4 quad = counts.lo + counts.hi;
  return quad.x + quad.y + quad.z + quad.w;
}

// A row of the mask as bytes: on a little-endian device byte b of a row holds columns 8b to 8b + 7.
static __global uchar *mask_at(__global uchar *base, ulong offset, uint columns, uint row) {
  return base + offset + (columns + WORD - 1ul) / WORD * sizeof(uint) * row;
}

// Zeroes the bytes of a row's mask that lie past its last column, up to the end of the 32-bit word.
static void pad_mask(__global uchar *mask, uint columns) {
  uint octets = (columns + OCTET - 1) / OCTET;
  uint end = (columns + WORD - 1) / WORD * (uint)sizeof(uint);
  for (uint octet = octets + get_local_id(0); octet < end; octet += get_local_size(0)) {
    mask[octet] = 0;
  }
}

// One work-item writes a row's report: what was picked, zeros of the result, the lowest column that isn't finite or
// PAST.
static void write_report(__global uchar *base, ulong offset, uint row, uint picked, uint zeros, uint non_finite) {
  if (get_local_id(0) == 0) {
    __global uint *report = (__global uint *)(base + offset) + (size_t)REPORT_INTS * row;
    report[0] = picked;
    report[1] = zeros;
    report[2] = non_finite;
  }
}
