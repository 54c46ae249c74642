// Distributions of magnitudes, from which the exact threshold of a whole matrix comes in two passes: first the upper 16
// bits of every magnitude, then the lower 16 of those whose upper bits are the ones that the threshold has.
//
// A grid of work-groups, up to ITEMS work-items each: along x they share the octets of a row, along y the rows. Few
// groups, each with much to count, since each adds its local counts to the device's at its end.
// Device memory, bytes a weight: 2 read for 16-bit types, 4 for F32, which is the floor at the read bandwidth.

#include "score_keys.cl"

// The upper bits of 2^-29 to 8 fall into a window of 32 powers of two with 128 bins each, counted in 16 KiB of local
// memory; the few weights outside of it go to device memory one by one. Devices with small groups may have little
// local memory, so the window is as wide as the group: 16 powers below 8 and 8 KiB with 128 work-items, 8 and 4 KiB
// with 64. Zeros are many where a matrix was pruned before, so a work-item adds its own in one go.
#define POWERS (ITEMS / 8)
#define WINDOW (POWERS << 7)
#define WINDOW_START ((130 - POWERS) << 7)

__kernel void count_upper(
    const __global uchar *source, ulong source_offset,
    __global uchar *counts, ulong counts_offset,
    uint rows, uint columns, ulong stride) {
  __local uint bins[WINDOW];
  volatile __global uint *all = (volatile __global uint *)(counts + counts_offset);
  for (uint bin = get_local_id(0); bin < WINDOW; bin += get_local_size(0)) {
    bins[bin] = 0;
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  uint zeros = 0;
  for (uint row = get_group_id(1); row < rows; row += get_num_groups(1)) {
    const __global element *in = row_at(source, source_offset, stride, row);
    for (uint octet = get_global_id(0); octet * OCTET < columns; octet += get_global_size(0)) {
      uint upper[OCTET];
      vstore8(magnitudes(load_octet(in, octet, columns)) >> 16, 0, upper);
      uint count = min((uint)OCTET, columns - octet * OCTET);
      for (uint j = 0; j < count; j++) {
        uint place = upper[j] - WINDOW_START;
        if (place < WINDOW) {
          atomic_inc(&bins[place]);
        } else if (upper[j] == 0) {
          zeros++;
        } else {
          atomic_inc(&all[upper[j]]);
        }
      }
    }
  }
  if (zeros > 0) {
    atomic_add(&all[0], zeros);
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  for (uint bin = get_local_id(0); bin < WINDOW; bin += get_local_size(0)) {
    if (bins[bin] > 0) {
      atomic_add(&all[WINDOW_START + bin], bins[bin]);
    }
  }
}

// Few elements have the upper bits that are asked for, so they go to device memory at once. But many of those are
// equal: all of BF16 have lower bits of 0. So a work-item adds a run of equal ones in one go.
__kernel void count_lower(
    const __global uchar *source, ulong source_offset,
    __global uchar *counts, ulong counts_offset,
    uint rows, uint columns, ulong stride, uint wanted) {
  volatile __global uint *all = (volatile __global uint *)(counts + counts_offset);
  uint last = 0;
  uint run = 0;
  for (uint row = get_group_id(1); row < rows; row += get_num_groups(1)) {
    const __global element *in = row_at(source, source_offset, stride, row);
    for (uint octet = get_global_id(0); octet * OCTET < columns; octet += get_global_size(0)) {
      uint bits[OCTET];
      vstore8(magnitudes(load_octet(in, octet, columns)), 0, bits);
      uint count = min((uint)OCTET, columns - octet * OCTET);
      for (uint j = 0; j < count; j++) {
        if (bits[j] >> 16 != wanted) {
          continue;
        }
        uint lower = bits[j] & 0xffff;
        if (lower != last && run > 0) {
          atomic_add(&all[last], run);
          run = 0;
        }
        last = lower;
        run++;
      }
    }
  }
  if (run > 0) {
    atomic_add(&all[last], run);
  }
}
