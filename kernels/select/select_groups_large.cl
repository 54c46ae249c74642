// Prunes the `pruned` lowest scores of every `size` consecutive columns, for any size: groups too large for registers.
//
// One work-group a row, one column at a time for each work-item. The groups of columns are taken one after the other,
// each as select_rows.cl takes a row that doesn't fit in local memory: one pass for the bounds, a few of
// radix_select.cl, here with 256 bins since groups are short, and one that writes. Sizes above 32 are rare, so this is
// written to be right: single elements instead of octets, since a group may begin anywhere.
//
// Device memory, bytes a weight: the element is read four to seven times, mostly from cache, and written once; the
// floor is one read and one write, 4 bytes for 16-bit types and 8 for F32. Masks are cleared by the host before, kept
// bits are set by atomic OR, since two groups may share a word. Local memory: 4 KiB for bins and reductions, 1 KiB of
// partial counts.

#include "score_keys.cl"
#include "row_report.cl"
#include "reduce.cl"

#define BIN_BITS 8
#define LANES 1

// The columns of a group.
struct row {
  const __global element *source;
  const __global float *norms;
  uint columns;
};

static uint slots(struct row row) {
  return row.columns;
}

static void slot_keys(struct row row, uint column, uint *keys) {
  keys[0] = score_key(magnitude(row.source[column]), row.norms[column]);
}

#include "radix_select.cl"

// Returns the lowest key above 0 less one, the inverted highest key, and the count of zeros.
// from: the group's first column in the row; non_finite: becomes the lowest column that isn't finite, where there is
// one
static uint4 read_range(struct row row, uint from, volatile __local uint *non_finite, __local uint4 *reduction) {
  uint4 own = (uint4)(PAST, PAST, 0, 0);
  for (uint column = get_local_id(0); column < row.columns; column += get_local_size(0)) {
    uint bits = magnitude(row.source[column]);
    if (bits >= NON_FINITE) {
      atomic_min(non_finite, from + column);
    }
    uint key = score_key(bits, row.norms[column]);
    own = combine(own, (uint4)(key - 1, ~key, key == 0 ? 1 : 0, 0));
  }
  return reduce(own, reduction);
}

// Writes a group that begins at column `from` of the row and sets the bits of what stays; returns the zeros.
static uint write_range(
    struct row row, struct threshold threshold, uint from, __global element *out, volatile __global uint *mask) {
  uint zeros = 0;
  for (uint column = get_local_id(0); column < row.columns; column += get_local_size(0)) {
    uint raw = row.source[column];
    uint bits = magnitude(raw);
    bool picked = is_picked(threshold, score_key(bits, row.norms[column]), column);
    out[column] = picked ? 0 : (element)raw;
    zeros += picked || bits == 0 ? 1 : 0;
    if (mask != 0 && !picked) {
      atomic_or(&mask[(from + column) / WORD], 1u << (from + column) % WORD);
    }
  }
  return zeros;
}

__kernel void select_groups_large(
    const __global uchar *source, ulong source_offset,
    const __global uchar *norms, ulong norms_offset,
    __global uchar *destination, ulong destination_offset,
    __global uchar *mask, ulong mask_offset,
    __global uchar *report, ulong report_offset,
    uint columns, ulong stride, uint pruned, uint size) {
  __local uint4 bins[ITEMS];
  __local uint partial[ITEMS];
  __local uint level[ITEMS / LEVEL];
  __local uint found[3];
  __local uint non_finite;
  struct scratch scratch = {(__local uint *)bins, partial, level, found};
  uint row_index = get_group_id(0);
  const __global element *in = row_at(source, source_offset, stride, row_index);
  __global element *out = out_row_at(destination, destination_offset, stride, row_index);
  const __global float *norm = (const __global float *)(norms + norms_offset);
  volatile __global uint *mask_row =
      mask == 0 ? 0 : (volatile __global uint *)mask_at(mask, mask_offset, columns, row_index);
  if (get_local_id(0) == 0) {
    non_finite = PAST;
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  uint zeros = 0;
  for (uint from = 0; from < columns; from += size) {
    struct row row = {in + from, norm + from, size};
    uint4 bounds = read_range(row, from, &non_finite, bins);
    uint wanted = non_finite == PAST ? pruned : 0;
    struct threshold threshold = radix_select(row, bounds.x + 1, ~bounds.y, bounds.z, wanted, size, scratch);
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    zeros += write_range(row, threshold, from, out + from, mask_row);
  }
  uint4 total = reduce((uint4)(0, 0, 0, zeros), bins);
  write_report(report, report_offset, row_index, columns / size * pruned, total.w, non_finite);
}
