// Operations on each element: x + y, x * factor, min(max(x, low), high), cap * tanh(x / cap), which bounds logits,
// xIELU, an activation with learned factors, and the clamped gate of gpt-oss; each operation rounded as on the CPU.
//
// A grid of any size walks along the matrix as one array (grid_stride.cuh). 12 bytes for each element of a sum or a
// gate, 8 of the others, which take more time than the arithmetic. No shared memory.
#include "grid_stride.cuh"
#include "tanh.cuh"

extern "C" __global__ void add(const float *x, const float *y, float *out, long long count) {
  mapElements(count, [](float a, float b) { return a + b; }, out, x, y);
}

extern "C" __global__ void scale(const float *x, float factor, float *out, long long count) {
  mapElements(count, [=](float a) { return a * factor; }, out, x);
}

extern "C" __global__ void clamp_to(const float *x, float low, float high, float *out, long long count) {
  mapElements(count, [=](float a) { return a < low ? low : a > high ? high : a; }, out, x);
}

extern "C" __global__ void xielu(const float *x, float positive, float negative, float beta, float epsilon, float *out,
                                 long long count) {
  const auto of = [=](float a) {
    const float rest = (exponentialOf(a > epsilon ? epsilon : a) - 1.0f - a) * negative;
    return (a > 0.0f ? positive * a * a : rest) + beta * a;
  };
  mapElements(count, of, out, x);
}

extern "C" __global__ void softcap(const float *x, float cap, float *out, long long count) {
  mapElements(count, [=](float a) { return softcapped(a, cap); }, out, x);
}

// The gate of gpt-oss; NaN stays.
extern "C" __global__ void clamped_gate(const float *x, const float *y, float limit, float *out, long long count) {
  const auto gate = [=](float a, float b) {
    const float g = a > limit ? limit : a;
    const float u = b > limit ? limit : b < -limit ? -limit : b;
    return __fdiv_rn(g, 1.0f + exponentialOf(-(1.702f * g))) * (u + 1.0f);
  };
  mapElements(count, gate, out, x, y);
}
