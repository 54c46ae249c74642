// What a row came to, as the host reads it; included, not compiled by itself.

#define REPORT_INTS 3

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
