// What the other kernels rely on, tried on the device before it is used: a product and a sum are two roundings,
// subnormals are numbers, a quotient is rounded to nearest, and a group's local memory holds what was written before a
// barrier. The host knows what comes out (OpenClSelfTest).
//
// One group of ITEMS work-items, one operand of each kind each; reads 12 bytes and writes 20 a work-item, 2 KiB of local
// memory where there are 256.
#include "device_pointer.cl"

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void self_test(
    __global const float *operands, ulong operands_offset, __global uint *results, ulong results_offset) {
  __local uint passed[ITEMS];
  __local uint bins[ITEMS];
  uint i = (uint)get_local_id(0);
  __global const float *x = CONST_POINTER(float, operands);
  __global uint *out = POINTER(uint, results);
  float a = x[i];
  float b = x[ITEMS + i];
  float small = x[2 * ITEMS + i];
  out[i] = as_uint(a * b + x[3 * ITEMS + i]);
  out[ITEMS + i] = as_uint(small * b);
  out[2 * ITEMS + i] = as_uint(a / b);
  passed[i] = as_uint(a);
  bins[i] = 0;
  barrier(CLK_LOCAL_MEM_FENCE);
  // Every second item counts into the same bins as its neighbour, as the histograms do.
  atomic_add(&bins[i / 2], i);
  barrier(CLK_LOCAL_MEM_FENCE);
  out[3 * ITEMS + i] = passed[ITEMS - 1 - i];
  out[4 * ITEMS + i] = bins[i];
}
