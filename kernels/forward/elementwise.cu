// Operations on each element: x += y, x *= factor, and x = cap * tanh(x / cap), which bounds logits; each operation
// rounded as on the CPU.
//
// A grid of any size walks along the matrix as one array (grid_stride.cuh). 12 bytes for each element of a sum, 8 of
// the others, which take far more time than the arithmetic. No shared memory.
#include "grid_stride.cuh"
#include "tanh.cuh"

extern "C" __global__ void add(float *x, const float *y, long long count) {
  mapElements(count, [](float a, float b) { return a + b; }, x, x, y);
}

extern "C" __global__ void scale(float *x, float factor, long long count) {
  mapElements(count, [=](float a) { return a * factor; }, x, x);
}

extern "C" __global__ void softcap(float *x, float cap, long long count) {
  mapElements(count, [=](float a) { return softcapped(a, cap); }, x, x);
}
