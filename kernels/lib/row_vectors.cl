// Rows of weights as the kernels of selection read and write them; included, not compiled by itself.
//
// A row is cut into octets of eight columns, one work-item to an octet: 16 bytes of a 16-bit type or twice 16 of F32,
// so that neighbouring work-items read neighbouring memory, and a byte of the packed mask, which no other work-item
// writes. The host defines F32, F16 or BF16.

#ifdef F32
typedef uint element;
#else
typedef ushort element;
#endif

#define OCTET 8
#define WORD 32

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
