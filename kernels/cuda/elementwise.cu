// What is done to each element by itself: x += y, and the gate of a gated MLP, out = gate / (1 + e^-gate) * up, each
// operation rounded as on the CPU.
//
// A grid of any size walks along the matrix as one array, four floats at a time where all addresses allow it. 12 bytes
// for each element, far more time than the arithmetic. No shared memory. A result may be written over an input: each
// thread reads an element before it writes it, and no other's.
#include "exponential.cuh"
#include "packs.cuh"

template <class Binary>
static __device__ void combine(const float *a, const float *b, float *out, long long count, Binary of) {
  const long long first = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  const long long packs = aligned16(a) && aligned16(b) && aligned16(out) ? count / 4 : 0;
  for (long long i = first; i < packs; i += step) {
    reinterpret_cast<float4 *>(out)[i] =
        each(of, reinterpret_cast<const float4 *>(a)[i], reinterpret_cast<const float4 *>(b)[i]);
  }
  for (long long i = packs * 4 + first; i < count; i += step) {
    out[i] = of(a[i], b[i]);
  }
}

extern "C" __global__ void add(float *x, const float *y, long long count) {
  combine(x, y, x, count, [](float a, float b) { return a + b; });
}

extern "C" __global__ void silu_multiply(const float *gate, const float *up, float *out, long long count) {
  combine(gate, up, out, count, [](float g, float u) { return __fdiv_rn(g, 1.0f + exponentialOf(-g)) * u; });
}
