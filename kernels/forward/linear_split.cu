// Brings rows to F16 for tensor cores: each row is multiplied by a power of two that brings its largest magnitude to
// [2^14, 2^15), so that nothing overflows and small numbers have room below; inverses[row] is what the row's product is to
// be multiplied by, exactly. A row with an infinity or a NaN isn't scaled; its result isn't finite either way.
//
// Float32 activations are split, x = high + low, so that two products with a weight make one that keeps 22 bits of x instead
// of 11. A row of `halves` is the row's high parts, `padded` of them, then as many low parts; past the last column both are
// zero. With one part instead of two there are no low parts.
//
// BF16 weights have one part: 8 bits are fewer than F16's 11, so that those above 2^-31 of their row's largest stay as they
// are, and smaller ones are off by 2^-39 of it at most. In BF16 instead, two parts of an activation would keep 16 bits.
//
// One block of whole warps for each row (grid.x). 4 or 2 bytes in and 4 or 2 out for each element; the row is read twice, the
// second time from cache. Shared memory for the maximum only.
#include "reduce.cuh"
#include "float_vectors.cuh"
#include "widen.cuh"

constexpr unsigned MAGNITUDE = 0x7fffffffu;
constexpr unsigned INFINITE = 0x7f800000u;

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
static __device__ __forceinline__ Split split(float value) {
  const unsigned high = Float16::round(value);
  const bool finite = (__float_as_uint(value) & MAGNITUDE) < INFINITE;
  return {high, finite ? Float16::round(value - Float16::widen(high)) : 0u};
}

static __device__ __forceinline__ float4 four(const float *from, int available) {
  return loadFour(from, available, aligned16(from));
}

static __device__ __forceinline__ float4 four(const unsigned short *from, int available) {
  return loadFourWeights<Bfloat16Values>(from, available);
}

// The exponent, as it stands in a float32, of the power of two that a row is scaled by.
static __device__ __forceinline__ unsigned scaleExponent(unsigned largest) {
  const unsigned exponent = largest >> 23;
  if (exponent == 255) {
    return 127;
  }
  return min(253u, 127 + 14 + 127 - exponent);
}

template <class Element>
static __device__ __forceinline__ void splitRow(const Element *row, int columns, unsigned short *halves, int padded,
                                                int parts, float *inverse) {
  __shared__ unsigned warps[32];
  unsigned largest = 0;
  for (int column = threadIdx.x * 4; column < columns; column += blockDim.x * 4) {
    forEach(four(row + column, columns - column),
            [&](float value) { largest = max(largest, __float_as_uint(value) & MAGNITUDE); });
  }
  largest = blockReduce(largest, warps, [](unsigned a, unsigned b) { return max(a, b); });
  const unsigned exponent = scaleExponent(largest);
  const float scale = __uint_as_float(exponent << 23);
  for (int column = threadIdx.x * 4; column < padded; column += blockDim.x * 4) {
    const float4 values = four(row + column, columns - column);
    const Split a = split(values.x * scale), b = split(values.y * scale);
    const Split c = split(values.z * scale), d = split(values.w * scale);
    *reinterpret_cast<uint2 *>(halves + column) = make_uint2(a.high | b.high << 16, c.high | d.high << 16);
    if (parts > 1) {
      *reinterpret_cast<uint2 *>(halves + padded + column) = make_uint2(a.low | b.low << 16, c.low | d.low << 16);
    }
  }
  if (threadIdx.x == 0) {
    *inverse = __uint_as_float((254 - exponent) << 23);
  }
}

extern "C" __global__ void linear_split_f32(const float *x, long long stride, int columns, unsigned short *halves,
                                            int padded, int parts, float *inverses) {
  const long long row = blockIdx.x;
  splitRow(x + row * stride, columns, halves + row * padded * parts, padded, parts, inverses + row);
}

// Of one part always, so that no low ones are computed.
extern "C" __global__ void linear_split_bf16(const unsigned short *w, long long stride, int columns,
                                             unsigned short *halves, int padded, int /* parts */, float *inverses) {
  const long long row = blockIdx.x;
  splitRow(w + row * stride, columns, halves + row * padded, padded, 1, inverses + row);
}
