// Prunes the `count` lowest scores of each row; of equal scores the lower column's goes first.
//
// One work-group a row, up to ITEMS work-items, eight columns at a time each. The first pass reads the row from device
// memory, keeps it in local memory as it is (HELD), and finds the bounds of its keys and whether it is finite. Two or
// three passes of radix_select.cl over the row in local memory find the exact threshold, one more the columns of ties where
// some stay. The last pass writes the row, its mask and its report. Keys are made anew in each pass, from the row and
// from the norms, which all groups read and the caches hold: a held key would take 4 bytes a column where a 16-bit
// element takes 2.
//
// Device memory, bytes a weight: 2 read and 2 written for 16-bit types, 4 and 4 for F32, 1/8 written with a mask; norms
// come from the caches. The floor is rows * columns * (4 or 8) bytes at the copy bandwidth.
// Local memory: 8 KiB of bins, 1 KiB of partial counts, and 2 or 4 bytes a column. Rows that don't fit are built
// without HELD: they are read in each pass, four to six times in all, of which the last level of cache may take some.
// In place is safe: a work-item writes only what it alone reads in the last pass, and a barrier keeps that pass apart.

#include "score_keys.cl"
#include "row_report.cl"
#include "reduce.cl"

#define BIN_BITS 11
#define LANES OCTET

struct row {
  const __global element *source;
  __local element *held;
  const __global float *norms;
  uint columns;
};

static uint slots(struct row row) {
  return (row.columns + OCTET - 1) / OCTET;
}

#ifdef HELD
static void hold(struct row row, uint octet, uint8 raw) {
#ifdef F32
  __local uint4 *quads = (__local uint4 *)row.held + 2 * octet;
  quads[0] = raw.lo;
  quads[1] = raw.hi;
#else
  ((__local ushort8 *)row.held)[octet] = convert_ushort8(raw);
#endif
}

static uint8 load_again(struct row row, uint octet) {
#ifdef F32
  const __local uint4 *quads = (const __local uint4 *)row.held + 2 * octet;
  return (uint8)(quads[0], quads[1]);
#else
  return convert_uint8(((const __local ushort8 *)row.held)[octet]);
#endif
}
#else
static void hold(struct row row, uint octet, uint8 raw) {}

static uint8 load_again(struct row row, uint octet) {
  return load_octet(row.source, octet, row.columns);
}
#endif

static void slot_keys(struct row row, uint octet, uint *keys) {
  uint8 bits = magnitudes(load_again(row, octet));
  vstore8(score_keys(bits, row.norms, octet, row.columns), 0, keys);
}

#include "radix_select.cl"

// What the first pass finds.
struct bounds {
  uint low;   // the lowest key that isn't 0
  uint high;  // the highest key
  uint zeros; // keys that are 0
};

// non_finite: becomes the lowest column that isn't finite, where there is one
static struct bounds read_row(struct row row, volatile __local uint *non_finite, __local uint4 *reduction) {
  uint8 lowest_less_one = (uint8)(PAST); // 0 - 1 is above every other key less one
  int8 highest = (int8)(0);              // PAST is negative as an int
  uint8 zeros = (uint8)(0);
  for (uint octet = get_local_id(0); octet < slots(row); octet += get_local_size(0)) {
    uint8 raw = load_octet(row.source, octet, row.columns);
    hold(row, octet, raw);
    uint8 bits = magnitudes(raw);
    if (any_non_finite(bits)) {
      atomic_min(non_finite, lowest_non_finite(bits, octet));
    }
    uint8 keys = score_keys(bits, row.norms, octet, row.columns);
    lowest_less_one = min(lowest_less_one, keys - 1u);
    highest = max(highest, as_int8(keys));
    zeros -= as_uint8(keys == 0u);
  }
  uint4 low4 = min(lowest_less_one.lo, lowest_less_one.hi);
  int4 high4 = max(highest.lo, highest.hi);
  uint low = min(min(low4.x, low4.y), min(low4.z, low4.w));
  uint high = (uint)max(max(high4.x, high4.y), max(high4.z, high4.w));
  uint4 row_wide = reduce((uint4)(low, ~high, sum_lanes(zeros), 0), reduction);
  struct bounds bounds = {row_wide.x + 1, ~row_wide.y, row_wide.z};
  return bounds;
}

// Writes the row and its mask; returns how many of this work-item's elements are zero now.
static uint write_row(struct row row, struct threshold threshold, __global element *out, __global uchar *mask) {
  uint8 zeros = (uint8)(0);
  for (uint octet = get_local_id(0); octet < slots(row); octet += get_local_size(0)) {
    uint8 raw = load_again(row, octet);
    uint8 bits = magnitudes(raw);
    uint8 keys = score_keys(bits, row.norms, octet, row.columns);
    int8 inside = keys != PAST;
    int8 picked = (keys < threshold.key) | ((keys == threshold.key) & (octet_columns(octet) < threshold.end));
    store_octet(select(raw, (uint8)(0), picked), out, octet, row.columns);
    zeros -= as_uint8((picked | (bits == 0u)) & inside);
    if (mask != 0) {
      mask[octet] = packed(~picked & inside);
    }
  }
  return sum_lanes(zeros);
}

__kernel void select_rows(
    const __global uchar *source, ulong source_offset,
    const __global uchar *norms, ulong norms_offset,
    __global uchar *destination, ulong destination_offset,
    __global uchar *mask, ulong mask_offset,
    __global uchar *report, ulong report_offset,
    uint columns, ulong stride, uint count
#ifdef HELD
    , __local uint4 *held_quads // a driver may align local memory by its type alone
#endif
) {
  __local uint4 bins[BINS / 4];
  __local uint partial[ITEMS];
  __local uint level[ITEMS / LEVEL];
  __local uint found[3];
  __local uint non_finite;
  struct scratch scratch = {(__local uint *)bins, partial, level, found};
  uint row_index = get_group_id(0);
#ifdef HELD
  __local element *held = (__local element *)held_quads;
#else
  __local element *held = 0;
#endif
  struct row row = {
      row_at(source, source_offset, stride, row_index), held,
      (const __global float *)(norms + norms_offset), columns};
  __global uchar *mask_row = mask == 0 ? mask : mask_at(mask, mask_offset, columns, row_index);

  if (get_local_id(0) == 0) {
    non_finite = PAST;
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  struct bounds bounds = read_row(row, &non_finite, bins);
  uint wanted = non_finite == PAST ? count : 0;
  struct threshold threshold = radix_select(row, bounds.low, bounds.high, bounds.zeros, wanted, columns, scratch);
  barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
  uint zeros = write_row(row, threshold, out_row_at(destination, destination_offset, stride, row_index), mask_row);
  if (mask != 0) {
    pad_mask(mask_row, columns);
  }
  uint4 total = reduce((uint4)(0, 0, 0, zeros), bins);
  write_report(report, report_offset, row_index, wanted, total.w, non_finite);
}
