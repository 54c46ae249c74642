// Operations on each element: x + y, x * factor, and cap * tanh(x / cap), which bounds logits; each operation rounded
// as on the CPU.
//
// A grid of any size walks along the matrix as one array (grid_stride.cuh). 12 bytes for each element of a sum, 8 of
// the others, which take far more time than the arithmetic. No shared memory.
#include "grid_stride.cuh"
#include "tanh.cuh"

extern "C" __global__ void add(const float *x, const float *y, float *out, long long count) {
  mapElements(count, [](float a, float b) { return a + b; }, out, x, y);
}

extern "C" __global__ void scale(const float *x, float factor, float *out, long long count) {
  mapElements(count, [=](float a) { return a * factor; }, out, x);
}

extern "C" __global__ void softcap(const float *x, float cap, float *out, long long count) {
  mapElements(count, [=](float a) { return softcapped(a, cap); }, out, x);
}
