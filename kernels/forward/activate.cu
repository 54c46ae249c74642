// The functions of an MLP, alone, out = f(x), and as the gate of a gated one, out = f(gate) * up: a kernel for each kind
// (activation.cuh).
//
// A grid of any size walks along the matrix as one array (along.cuh). 8 bytes for each element, or 12 with a gate, and 2
// to 45 operations, few enough to wait for memory. No shared memory.
#include "activation.cuh"
#include "along.cuh"

#define ACTIVATION_KERNELS(name, function)                                                                     \
  extern "C" __global__ void activate_##name(const float *x, float *out, long long count) {                    \
    along(count, [](float a) { return activation::function(a); }, out, x);                                     \
  }                                                                                                            \
  extern "C" __global__ void gate_##name(const float *gate, const float *up, float *out, long long count) {    \
    along(count, [](float g, float u) { return activation::function(g) * u; }, out, gate, up);                 \
  }

ACTIVATION_KERNELS(silu, silu)
ACTIVATION_KERNELS(gelu, gelu)
ACTIVATION_KERNELS(gelu_tanh, geluTanh)
ACTIVATION_KERNELS(quick_gelu, quickGelu)
ACTIVATION_KERNELS(relu, relu)
