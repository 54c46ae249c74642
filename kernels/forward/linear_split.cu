// Splits float32 activations for tensor cores: x = high + low in BF16 or F16, so that two products with a 16-bit weight
// make one that keeps 16 (BF16) or 22 (F16) bits of x instead of 8 or 11. A row of `halves` is the row's high parts,
// `padded` of them, then as many low parts; past the last column both are zero. With one part instead of two there are
// no low parts.
//
// BF16 has float32's range. F16 hasn't: each row is multiplied by a power of two that brings its largest magnitude to
// [2^14, 2^15), so that nothing overflows and low parts have room below; inverses[row] is what the row's product is to be
// multiplied by, exactly. A row with an infinity or a NaN isn't scaled; its result isn't finite either way.
//
// One block of whole warps for each row (grid.x). 4 bytes in and 4 (2) out for each element, for F16 the row is read
// twice, the second time from cache. Shared memory for the maximum only.
#include "reduce.cuh"
#include "float_vectors.cuh"

constexpr unsigned MAGNITUDE = 0x7fffffffu;
constexpr unsigned INFINITE = 0x7f800000u;

struct Bfloat16 {
  // To the nearest, ties to even.
  static __device__ __forceinline__ unsigned round(float value) {
    const unsigned bits = __float_as_uint(value);
    if ((bits & MAGNITUDE) > INFINITE) {
      return bits >> 16 | 0x40u;
    }
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  }

  static __device__ __forceinline__ float widen(unsigned half) { return __uint_as_float(half << 16); }
};

struct Float16 {
  // To the nearest, ties to even, for magnitudes below 2^16, infinities and NaN. Added to 1/2, a magnitude below 2^-14
  // is rounded to a multiple of 2^-24, the smallest F16.
  static __device__ __forceinline__ unsigned round(float value) {
    const unsigned bits = __float_as_uint(value);
    const unsigned magnitude = bits & MAGNITUDE;
    const unsigned sign = bits >> 16 & 0x8000u;
    if (magnitude >= INFINITE) {
      return sign | (magnitude > INFINITE ? 0x7e00u : 0x7c00u);
    }
    const unsigned normal = (magnitude + 0xfffu + (magnitude >> 13 & 1u) - (112u << 23)) >> 13;
    const unsigned small = __float_as_uint(__uint_as_float(magnitude) + 0.5f) - 0x3f000000u;
    return sign | (magnitude < 0x38800000u ? small : normal);
  }

  static __device__ __forceinline__ float widen(unsigned half) {
    return __uint_as_float((half & 0x8000u) << 16 | __float_as_uint(__uint_as_float((half & 0x7fffu) << 13) * 0x1p112f));
  }
};

struct Split {
  unsigned high;
  unsigned low;
};

// What is infinite or NaN has no low part.
template <class Half>
static __device__ __forceinline__ Split split(float value) {
  const unsigned high = Half::round(value);
  const bool finite = (__float_as_uint(value) & MAGNITUDE) < INFINITE;
  return {high, finite ? Half::round(value - Half::widen(high)) : 0u};
}

template <class Half>
static __device__ void splitRow(const float *x, int columns, float scale, unsigned short *halves, int padded,
                                int parts) {
  const bool aligned = columns % 4 == 0 && aligned16(x);
  for (int column = threadIdx.x * 4; column < padded; column += blockDim.x * 4) {
    const float4 values = loadFour(x + column, columns - column, aligned);
    const Split a = split<Half>(values.x * scale), b = split<Half>(values.y * scale);
    const Split c = split<Half>(values.z * scale), d = split<Half>(values.w * scale);
    *reinterpret_cast<uint2 *>(halves + column) = make_uint2(a.high | b.high << 16, c.high | d.high << 16);
    if (parts > 1) {
      *reinterpret_cast<uint2 *>(halves + padded + column) = make_uint2(a.low | b.low << 16, c.low | d.low << 16);
    }
  }
}

extern "C" __global__ void linear_split_bf16(const float *x, int columns, unsigned short *halves, int padded,
                                             int parts) {
  const long long row = blockIdx.x;
  splitRow<Bfloat16>(x + row * columns, columns, 1.0f, halves + row * padded * parts, padded, parts);
}

// The exponent, as it stands in a float32, of the power of two that a row is scaled by.
static __device__ __forceinline__ unsigned scaleExponent(unsigned largest) {
  const unsigned exponent = largest >> 23;
  if (exponent == 255) {
    return 127;
  }
  return min(253u, 127 + 14 + 127 - exponent);
}

extern "C" __global__ void linear_split_f16(const float *x, int columns, unsigned short *halves, int padded,
                                            int parts, float *inverses) {
  __shared__ unsigned warps[32];
  const long long row = blockIdx.x;
  const float *from = x + row * columns;
  unsigned largest = 0;
  for (int column = threadIdx.x; column < columns; column += blockDim.x) {
    largest = max(largest, __float_as_uint(from[column]) & MAGNITUDE);
  }
  largest = blockReduce(largest, warps, [](unsigned a, unsigned b) { return max(a, b); });
  const unsigned exponent = scaleExponent(largest);
  splitRow<Float16>(from, columns, __uint_as_float(exponent << 23), halves + row * padded * parts, padded,
                    parts);
  if (threadIdx.x == 0) {
    inverses[row] = __uint_as_float((254 - exponent) << 23);
  }
}
