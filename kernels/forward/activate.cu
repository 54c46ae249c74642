// The activation functions of an MLP: alone, out = f(x), and as the gate of a gated MLP, out = f(gate) * up: a kernel
// for each kind, by the same float32 operations as the CPU's (ScalarForward.java), so that both give the same bits.
//
// A grid of any size walks along the matrix as one array (grid_stride.cuh). 8 bytes for each element, or 12 with a gate,
// and 2 to 45 operations, few enough to wait for memory: those with a sigmoid take a division and an exponential, GELU
// normal_tail.cuh. No shared memory.
#include "grid_stride.cuh"
#include "normal_tail.cuh"

namespace activation {

// x times the sigmoid of u.
__device__ __forceinline__ float sigmoidOf(float u, float x) { return __fdiv_rn(x, 1.0f + exponentialOf(-u)); }

__device__ __forceinline__ float silu(float x) { return sigmoidOf(x, x); }

__device__ __forceinline__ float quickGelu(float x) { return sigmoidOf(1.702f * x, x); }

// By a hyperbolic tangent, which is a sigmoid of twice its argument: twice sqrt(2 / pi) stands before the cubic.
__device__ __forceinline__ float geluTanh(float x) {
  return sigmoidOf(0x1.988454p0f * __fmaf_rn(0.044715f * x * x, x, x), x);
}

__device__ __forceinline__ float gelu(float x) {
  const float tail = normalTail(fabsf(x));
  return x * (x < 0.0f ? tail : 1.0f - tail);
}

// NaN and -0 stay.
__device__ __forceinline__ float relu(float x) { return x < 0.0f ? 0.0f : x; }

__device__ __forceinline__ float sigmoid(float x) { return sigmoidOf(x, 1.0f); }

__device__ __forceinline__ float reluSquared(float x) { return x < 0.0f ? 0.0f : x * x; }

}  // namespace activation

#define ACTIVATION_KERNELS(name, function)                                                                     \
  extern "C" __global__ void activate_##name(const float *x, float *out, long long count) {                    \
    mapElements(count, [](float a) { return activation::function(a); }, out, x);                               \
  }                                                                                                            \
  extern "C" __global__ void gate_##name(const float *gate, const float *up, float *out, long long count) {    \
    mapElements(count, [](float g, float u) { return activation::function(g) * u; }, out, gate, up);           \
  }

ACTIVATION_KERNELS(silu, silu)
ACTIVATION_KERNELS(gelu, gelu)
ACTIVATION_KERNELS(gelu_tanh, geluTanh)
ACTIVATION_KERNELS(quick_gelu, quickGelu)
ACTIVATION_KERNELS(relu, relu)
ACTIVATION_KERNELS(sigmoid, sigmoid)
ACTIVATION_KERNELS(relu_squared, reluSquared)
