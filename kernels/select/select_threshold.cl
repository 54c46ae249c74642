// Prunes every element whose score's key is `limit` or less: what a threshold for a whole matrix comes to.
//
// One work-group a row, up to ITEMS work-items, eight columns at a time each; nothing is kept between them but three
// sums.
//
// Device memory, bytes a weight: 2 read and 2 written for 16-bit types, 4 and 4 for F32, 1/8 written with a mask; norms
// come from the caches. The floor is that at the copy bandwidth. Local memory: 4 KiB for the sums. In place is safe.

#include "score_keys.cl"
#include "row_report.cl"
#include "reduce.cl"

// limit: the key of the highest score that goes, or -1 for none
__kernel void select_threshold(
    const __global uchar *source, ulong source_offset,
    const __global uchar *norms, ulong norms_offset,
    __global uchar *destination, ulong destination_offset,
    __global uchar *mask, ulong mask_offset,
    __global uchar *report, ulong report_offset,
    uint columns, ulong stride, int limit) {
  __local uint4 reduction[ITEMS];
  uint row_index = get_group_id(0);
  const __global element *in = row_at(source, source_offset, stride, row_index);
  __global element *out = out_row_at(destination, destination_offset, stride, row_index);
  const __global float *norm = (const __global float *)(norms + norms_offset);
  __global uchar *mask_row = mask == 0 ? mask : mask_at(mask, mask_offset, columns, row_index);
  uint8 picks = (uint8)(0);
  uint8 zeros = (uint8)(0);
  uint non_finite = PAST;
  for (uint octet = get_local_id(0); octet * OCTET < columns; octet += get_local_size(0)) {
    uint8 raw = load_octet(in, octet, columns);
    uint8 bits = magnitudes(raw);
    if (any_non_finite(bits)) {
      non_finite = min(non_finite, lowest_non_finite(bits, octet));
    }
    uint8 keys = score_keys(bits, norm, octet, columns);
    int8 inside = keys != PAST;
    int8 picked = (as_int8(keys) <= limit) & inside;
    store_octet(select(raw, (uint8)(0), picked), out, octet, columns);
    picks -= as_uint8(picked);
    zeros -= as_uint8((picked | (bits == 0u)) & inside);
    if (mask != 0) {
      mask_row[octet] = packed(~picked & inside);
    }
  }
  if (mask != 0) {
    pad_mask(mask_row, columns);
  }
  uint4 total = reduce((uint4)(non_finite, 0, sum_lanes(picks), sum_lanes(zeros)), reduction);
  write_report(report, report_offset, row_index, total.z, total.w, total.x);
}
