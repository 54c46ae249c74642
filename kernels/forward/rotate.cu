// Rotary position embedding in place: of a head's pair (a, b) = (x[i], x[i + pairs]) becomes (a cos - b sin, b cos + a
// sin); both products are rounded before they are added or subtracted, as on the CPU. Features of a head behind its pairs
// stay as they are.
//
// One block for each token (grid.x), whose threads walk along its pairs, four neighbouring ones at a time where the pairs
// and features of a head are multiples of four and all addresses allow it. 8 bytes for each element of x that is
// rotated; the angles stay in cache. No shared memory.
#include "packs.cuh"

template <class Pack>
static __device__ void rotatePairs(Pack *x, const Pack *cos, const Pack *sin, int heads, int size, int pairs) {
  const int packs = pairs / PACKED<Pack>;
  for (int pair = threadIdx.x; pair < heads * packs; pair += blockDim.x) {
    const int head = pair / packs;
    const int i = pair - head * packs;
    Pack *at = x + head * (size / PACKED<Pack>) + i;
    const Pack a = at[0];
    const Pack b = at[packs];
    const auto product = [](float u, float v) { return u * v; };
    at[0] = each([](float u, float v) { return u - v; }, each(product, a, cos[i]), each(product, b, sin[i]));
    at[packs] = each([](float u, float v) { return u + v; }, each(product, b, cos[i]), each(product, a, sin[i]));
  }
}

extern "C" __global__ void rotate(float *x, int heads, int size, int pairs, const float *cos, const float *sin,
                                  int positions) {
  float *row = x + static_cast<long long>(blockIdx.x) * heads * size;
  const long long angles = static_cast<long long>(blockIdx.x % positions) * pairs;
  if (pairs % 4 == 0 && size % 4 == 0 && aligned16(x) && aligned16(cos) && aligned16(sin)) {
    rotatePairs(reinterpret_cast<float4 *>(row), reinterpret_cast<const float4 *>(cos + angles),
                reinterpret_cast<const float4 *>(sin + angles), heads, size, pairs);
  } else {
    rotatePairs(row, cos + angles, sin + angles, heads, size, pairs);
  }
}
