// Prunes the `pruned` lowest scores of every GROUP consecutive columns, GROUP from 1 to 32.
//
// All of a group is in one work-item's registers, and GROUP is known to the compiler, so that every loop over it is
// unrolled. An element's rank is the number of those that go before it: each pair is compared once, and of equal scores
// the lower column goes first. That is GROUP / 2 comparisons an element, less than the memory takes up to GROUP = 16 or
// so.
//
// One work-group a row, up to ITEMS work-items. A work-item takes the fewest whole groups that fill whole bytes of the
// mask (UNIT columns), so that nobody shares a byte. Where those are 32 columns or less they are read and written as
// octets, 16 bytes at a time; else, for odd sizes that nobody prunes in, one group (CHUNK columns) after the other, in
// single elements.
//
// Device memory, bytes a weight: 2 read and 2 written for 16-bit types, 4 and 4 for F32, 1/8 with a mask; the floor is
// that at the copy bandwidth. Local memory: 4 KiB for the sums of a row's report. In place is safe: nobody reads
// another's groups.

#include "score_keys.cl"
#include "row_report.cl"
#include "reduce.cl"

#if GROUP % 8 == 0
#define UNIT GROUP
#elif GROUP % 4 == 0
#define UNIT (2 * GROUP)
#elif GROUP % 2 == 0
#define UNIT (4 * GROUP)
#else
#define UNIT (8 * GROUP)
#endif

#if UNIT <= 32
#define CHUNK UNIT
#define IN_OCTETS
#else
#define CHUNK GROUP
#endif

// Some columns of a row in registers; those past its end have the key PAST.
struct chunk {
  uint raw[CHUNK];
  uint bits[CHUNK];
  uint keys[CHUNK];
};

#ifdef IN_OCTETS
static void read_chunk(
    struct chunk *chunk, const __global element *row, const __global float *norms, uint first, uint columns) {
#pragma unroll
  for (uint o = 0; o < CHUNK / OCTET; o++) {
    uint octet = first / OCTET + o;
    bool inside = octet * OCTET < columns;
    uint8 raw = inside ? load_octet(row, octet, columns) : (uint8)(0);
    uint8 bits = magnitudes(raw);
    vstore8(raw, o, chunk->raw);
    vstore8(bits, o, chunk->bits);
    vstore8(inside ? score_keys(bits, norms, octet, columns) : (uint8)(PAST), o, chunk->keys);
  }
}

static void write_chunk(const struct chunk *chunk, __global element *row, uint first, uint columns) {
#pragma unroll
  for (uint o = 0; o < CHUNK / OCTET; o++) {
    uint octet = first / OCTET + o;
    if (octet * OCTET < columns) {
      store_octet(vload8(o, chunk->raw), row, octet, columns);
    }
  }
}
#else
static void read_chunk(
    struct chunk *chunk, const __global element *row, const __global float *norms, uint first, uint columns) {
#pragma unroll
  for (uint j = 0; j < CHUNK; j++) {
    chunk->raw[j] = row[first + j];
    chunk->bits[j] = magnitude(chunk->raw[j]);
    chunk->keys[j] = score_key(chunk->bits[j], norms[first + j]);
  }
}

static void write_chunk(const struct chunk *chunk, __global element *row, uint first, uint columns) {
#pragma unroll
  for (uint j = 0; j < CHUNK; j++) {
    row[first + j] = (element)chunk->raw[j];
  }
}
#endif

// Returns the lowest column that isn't finite, or PAST.
static uint first_non_finite(const struct chunk *chunk, uint first) {
  uint found = PAST;
#pragma unroll
  for (uint j = 0; j < CHUNK; j++) {
    found = chunk->bits[j] >= NON_FINITE ? min(found, first + j) : found;
  }
  return found;
}

// Clears what goes; returns a bit for each column that stays and adds up the zeros.
static uint prune_chunk(struct chunk *chunk, uint pruned, uint *zeros) {
  uint kept = 0;
#pragma unroll
  for (uint g = 0; g < CHUNK; g += GROUP) {
    uint ranks[GROUP];
#pragma unroll
    for (uint i = 0; i < GROUP; i++) {
      ranks[i] = 0;
    }
#pragma unroll
    for (uint i = 1; i < GROUP; i++) {
#pragma unroll
      for (uint j = 0; j < i; j++) {
        uint before = chunk->keys[g + i] < chunk->keys[g + j] ? 1 : 0;
        ranks[j] += before;
        ranks[i] += 1 - before;
      }
    }
#pragma unroll
    for (uint i = 0; i < GROUP; i++) {
      bool inside = chunk->keys[g + i] != PAST;
      bool picked = ranks[i] < pruned;
      chunk->raw[g + i] = picked ? 0 : chunk->raw[g + i];
      kept |= inside && !picked ? 1u << (g + i) : 0;
      *zeros += inside && (picked || chunk->bits[g + i] == 0) ? 1 : 0;
    }
  }
  return kept;
}

__kernel void select_groups(
    const __global uchar *source, ulong source_offset,
    const __global uchar *norms, ulong norms_offset,
    __global uchar *destination, ulong destination_offset,
    __global uchar *mask, ulong mask_offset,
    __global uchar *report, ulong report_offset,
    uint columns, ulong stride, uint pruned) {
  __local uint4 reduction[ITEMS];
  uint row_index = get_group_id(0);
  const __global element *in = row_at(source, source_offset, stride, row_index);
  __global element *out = out_row_at(destination, destination_offset, stride, row_index);
  const __global float *norm = (const __global float *)(norms + norms_offset);
  __global uchar *mask_row = mask == 0 ? mask : mask_at(mask, mask_offset, columns, row_index);
  uint zeros = 0;
  uint non_finite = PAST;
  for (uint unit = UNIT * get_local_id(0); unit < columns; unit += UNIT * get_local_size(0)) {
    ulong pending = 0; // bits that don't fill a byte of the mask yet
    uint pending_bits = 0;
    uint octet = unit / OCTET;
    for (uint first = unit; first < min(columns, unit + UNIT); first += CHUNK) {
      struct chunk chunk;
      read_chunk(&chunk, in, norm, first, columns);
      non_finite = min(non_finite, first_non_finite(&chunk, first));
      pending |= (ulong)prune_chunk(&chunk, pruned, &zeros) << pending_bits;
      pending_bits += CHUNK;
      write_chunk(&chunk, out, first, columns);
      for (; mask != 0 && pending_bits >= OCTET && octet * OCTET < columns; octet++) {
        mask_row[octet] = (uchar)pending;
        pending >>= OCTET;
        pending_bits -= OCTET;
      }
    }
    if (mask != 0 && pending_bits > 0 && octet * OCTET < columns) {
      mask_row[octet] = (uchar)pending;
    }
  }
  if (mask != 0) {
    pad_mask(mask_row, columns);
  }
  uint4 total = reduce((uint4)(non_finite, 0, 0, zeros), reduction);
  write_report(report, report_offset, row_index, columns / GROUP * pruned, total.w, total.x);
}
