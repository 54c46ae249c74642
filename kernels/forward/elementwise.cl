// Operations that touch each element once: as fast as memory, whatever they compute. A work-item takes one element,
// neighbours take neighbours, so that a work-group of 256 reads and writes whole lines. No local memory. Results are
// the CPU's to the bit.
//
//   add            reads 8 bytes and writes 4 for each element
//   scale          reads 4 bytes and writes 4 for each element
//   clamp_to       reads 4 bytes and writes 4 for each element
//   xielu          reads 4 bytes and writes 4 for each element
//   softcap        reads 4 bytes and writes 4 for each element
//   clamped_gate   reads 8 bytes and writes 4 for each element
#include "device_pointer.cl"
#include "exponential.cl"
#include "tanh.cl"

// The result may be an input: an element is read before it is written, by one work-item.
__kernel void add(
    __global const float *x, ulong x_offset, __global const float *y, ulong y_offset,
    __global float *out, ulong out_offset, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    POINTER(float, out)[i] = CONST_POINTER(float, x)[i] + CONST_POINTER(float, y)[i];
  }
}

__kernel void scale(
    __global const float *x, ulong x_offset, float factor, __global float *out, ulong out_offset,
    long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    POINTER(float, out)[i] = CONST_POINTER(float, x)[i] * factor;
  }
}

__kernel void clamp_to(
    __global const float *x, ulong x_offset, float low, float high, __global float *out,
    ulong out_offset, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    float value = CONST_POINTER(float, x)[i];
    POINTER(float, out)[i] = value < low ? low : value > high ? high : value;
  }
}

__kernel void xielu(
    __global const float *x, ulong x_offset, float positive, float negative, float beta,
    float epsilon, __global float *out, ulong out_offset, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    float value = CONST_POINTER(float, x)[i];
    float rest = (exponential(value > epsilon ? epsilon : value) - 1.0f - value) * negative;
    POINTER(float, out)[i] = (value > 0.0f ? positive * value * value : rest) + beta * value;
  }
}

__kernel void softcap(
    __global const float *x, ulong x_offset, float cap, __global float *out, ulong out_offset,
    long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    POINTER(float, out)[i] = cap * hyperbolic_tangent(CONST_POINTER(float, x)[i] / cap);
  }
}

// The gate of gpt-oss; NaN stays.
__kernel void clamped_gate(
    __global const float *x, ulong x_offset, __global const float *y, ulong y_offset, float limit,
    __global float *out, ulong out_offset, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    float g = CONST_POINTER(float, x)[i];
    float u = CONST_POINTER(float, y)[i];
    g = g > limit ? limit : g;
    u = u > limit ? limit : u < -limit ? -limit : u;
    POINTER(float, out)[i] = g / (1.0f + exponential(-(1.702f * g))) * (u + 1.0f);
  }
}
