// Rotary position embedding in place: of a head's pair (a, b) becomes (a cos - b sin, b cos + a sin); both products
// are rounded before they are added or subtracted, as on the CPU. Pair i is features i and i + pairs from a head's `first`
// on, or 2i and 2i + 1 where pairs are interleaved; the others are unchanged.
//
// One block for each token (grid.x), whose threads walk along its pairs, four neighbouring ones at a time where they
// are halves, the pairs and features of a head are multiples of four and all addresses allow it. 8 bytes for each element of x that is
// rotated; the angles stay in cache. No shared memory.
#include "float_vectors.cuh"

template <class Vector>
static __device__ void rotatePairs(Vector *x, const Vector *cos, const Vector *sin, int heads, int size, int pairs,
                                   int interleaved) {
  const int vectors = pairs / WIDTH<Vector>;
  for (int pair = threadIdx.x; pair < heads * vectors; pair += blockDim.x) {
    const int head = pair / vectors;
    const int i = pair - head * vectors;
    Vector *at = x + head * (size / WIDTH<Vector>) + (interleaved ? 2 * i : i);
    const int distance = interleaved ? 1 : vectors;
    const Vector a = at[0];
    const Vector b = at[distance];
    const auto product = [](float u, float v) { return u * v; };
    at[0] = each([](float u, float v) { return u - v; }, each(product, a, cos[i]), each(product, b, sin[i]));
    at[distance] = each([](float u, float v) { return u + v; }, each(product, b, cos[i]), each(product, a, sin[i]));
  }
}

extern "C" __global__ void rotate_pairs(float *x, int heads, int size, int first, int pairs, int interleaved,
                                        const float *cos, const float *sin, int positions) {
  float *row = x + static_cast<long long>(blockIdx.x) * heads * size + first;
  const long long angles = static_cast<long long>(blockIdx.x % positions) * pairs;
  if (!interleaved && first % 4 == 0 && pairs % 4 == 0 && size % 4 == 0 && aligned16(x) && aligned16(cos) && aligned16(sin)) {
    rotatePairs(reinterpret_cast<float4 *>(row), reinterpret_cast<const float4 *>(cos + angles),
                reinterpret_cast<const float4 *>(sin + angles), heads, size, pairs, 0);
  } else {
    rotatePairs(row, cos + angles, sin + angles, heads, size, pairs, interleaved);
  }
}
