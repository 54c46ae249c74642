// What stands between an MLP's linear layers: an activation, or an activation times another matrix. Each element is
// touched once; a work-item takes one, neighbours take neighbours, so that a work-group of 256 reads and writes whole
// lines. No local memory. Results are those of ScalarForward to the bit.
//
//   activate  reads 4 bytes and writes 4 for each element
//   gate      reads 8 bytes and writes 4 for each element
//
// The costliest kind takes about 40 operations for an element, so that a device with 10 operations for each byte of
// its bandwidth still waits for memory, or nearly.
//
// ACTIVATION: one of the functions.
#include "device_pointer.cl"
#include "exponential.cl"
#include "normal_tail.cl"

float silu(float x) { return x / (1.0f + exponential(-x)); }

float quick_gelu(float x) { return x / (1.0f + exponential(-(1.702f * x))); }

float gelu_tanh(float x) {
  return x / (1.0f + exponential(-(0x1.988454p0f * fma(0.044715f * x * x, x, x))));
}

float gelu(float x) {
  float tail = normal_tail(fabs(x));
  return x * (x < 0.0f ? tail : 1.0f - tail);
}

float relu(float x) { return x < 0.0f ? 0.0f : x; }

float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

float relu_squared(float x) { return x < 0.0f ? 0.0f : x * x; }

// The result may be the input: an element is read before it is written, by one work-item.
__kernel void activate(
    __global const float *x, ulong x_offset, __global float *out, ulong out_offset, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    POINTER(float, out)[i] = ACTIVATION(CONST_POINTER(float, x)[i]);
  }
}

// The result may be either input.
__kernel void gate(
    __global const float *gate, ulong gate_offset, __global const float *up, ulong up_offset,
    __global float *out, ulong out_offset, long count) {
  long i = (long)get_global_id(0);
  if (i < count) {
    float activated = ACTIVATION(CONST_POINTER(float, gate)[i]);
    POINTER(float, out)[i] = activated * CONST_POINTER(float, up)[i];
  }
}
