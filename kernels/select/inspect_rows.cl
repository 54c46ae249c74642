// Reports the zeros of each row and its lowest column that isn't finite.
//
// One work-group a row, up to ITEMS work-items, eight columns at a time each. Device memory, bytes a weight: 2 read for
// 16-bit types, 4 for F32, which is the floor at the read bandwidth. Local memory: 4 KiB for the sums.

#include "score_keys.cl"
#include "row_report.cl"
#include "reduce.cl"

__kernel void inspect_rows(
    const __global uchar *source, ulong source_offset,
    __global uchar *report, ulong report_offset,
    uint columns, ulong stride) {
  __local uint4 reduction[ITEMS];
  uint row_index = get_group_id(0);
  const __global element *in = row_at(source, source_offset, stride, row_index);
  uint8 zeros = (uint8)(0);
  uint non_finite = PAST;
  for (uint octet = get_local_id(0); octet * OCTET < columns; octet += get_local_size(0)) {
    uint8 bits = magnitudes(load_octet(in, octet, columns));
    if (any_non_finite(bits)) {
      non_finite = min(non_finite, lowest_non_finite(bits, octet));
    }
    zeros -= as_uint8((bits == 0u) & (octet_columns(octet) < columns));
  }
  uint4 total = reduce((uint4)(non_finite, 0, 0, sum_lanes(zeros)), reduction);
  write_report(report, report_offset, row_index, 0, total.w, total.x);
}
