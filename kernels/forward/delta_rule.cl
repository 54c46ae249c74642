// The gated delta rule, token by token: S = decay S, then S = S + k (correction (v - k S)), and the result is q S.
//
// A work-item takes a column of a value head's state through all tokens of a sequence, so that work-items never wait for
// each other; dimension 0 goes over the columns, dimension 1 over the heads of all sequences, of which a work-item may have
// several, since some devices limit dimension 1. For each token it reads and writes its column twice, from a cache. No
// local memory. Results are the CPU's to the bit.
#include "device_pointer.cl"

__kernel void delta_rule(
    __global const float *q, ulong q_offset, __global const float *k, ulong k_offset,
    __global const float *v, ulong v_offset, __global const float *decay, ulong decay_offset,
    __global const float *correction, ulong correction_offset, __global float *state,
    ulong state_offset, __global float *out, ulong out_offset, int length, int key_heads,
    int heads, int key_size, int rows, int columns) {
  int column = (int)get_global_id(0);
  if (column >= columns) {
    return;
  }
  for (long row = (long)get_global_id(1); row < rows; row += get_global_size(1)) {
    int head = (int)(row % heads);
    int keys = head / (heads / key_heads) * key_size;
    __global float *own = POINTER(float, state) + row * key_size * columns + column;
    for (int t = 0; t < length; t++) {
      long token = row / heads * length + t;
      __global const float *query = CONST_POINTER(float, q) + token * key_heads * key_size + keys;
      __global const float *key = CONST_POINTER(float, k) + token * key_heads * key_size + keys;
      float kept = CONST_POINTER(float, decay)[token * heads + head];
      float expected = 0.0f;
      for (int i = 0; i < key_size; i++) {
        float value = own[(long)i * columns] * kept;
        own[(long)i * columns] = value;
        expected = fma(key[i], value, expected);
      }
      long at = (token * heads + head) * columns + column;
      float share = CONST_POINTER(float, correction)[token * heads + head];
      float change = share * (CONST_POINTER(float, v)[at] - expected);
      float result = 0.0f;
      for (int i = 0; i < key_size; i++) {
        float value = fma(key[i], change, own[(long)i * columns]);
        own[(long)i * columns] = value;
        result = fma(query[i], value, result);
      }
      POINTER(float, out)[at] = result;
    }
  }
}
