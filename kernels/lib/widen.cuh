// Weights in their checkpoint's type, widened to float32, which is exact: BF16 is the upper half of a float32; F16 becomes
// one by moving its bits into place and multiplying by 2^112, which makes a normal number of a subnormal one too.
// Rows start at a multiple of 16 bytes; what lies between a row's last column and the next row is never used.
#pragma once

#include "device.cuh"

struct Float32Values {
  using Element = float;

  static __device__ __forceinline__ float widen(Element element) { return element; }

  static __device__ __forceinline__ float4 four(const Element *from) { return *reinterpret_cast<const float4 *>(from); }
};

template <class Type>
struct HalfWord {
  using Element = unsigned short;

  static __device__ __forceinline__ float4 four(const Element *from) {
    const uint2 words = *reinterpret_cast<const uint2 *>(from);
    return make_float4(Type::widen(static_cast<Element>(words.x)), Type::widen(static_cast<Element>(words.x >> 16)),
                       Type::widen(static_cast<Element>(words.y)), Type::widen(static_cast<Element>(words.y >> 16)));
  }
};

struct Bfloat16Values : HalfWord<Bfloat16Values> {
  static __device__ __forceinline__ float widen(Element element) {
    return __uint_as_float(static_cast<unsigned>(element) << 16);
  }
};

struct Float16Values : HalfWord<Float16Values> {
  static __device__ __forceinline__ float widen(Element element) {
    const unsigned magnitude = (element & 0x7fffu) << 13;
    const unsigned sign = (element & 0x8000u) << 16;
    const bool finite = (element & 0x7fffu) < 0x7c00u;
    const unsigned bits =
        finite ? __float_as_uint(__uint_as_float(magnitude) * 0x1p112f) : magnitude | 0x7f800000u;
    return __uint_as_float(bits | sign);
  }
};

// Four weights of a row that has `available` from here on (none if not positive), zero where it has ended; `from` is a
// multiple of four elements from the row's start.
template <class Type>
__device__ __forceinline__ float4 loadFourWeights(const typename Type::Element *from, int available) {
  if (available >= 4) {
    return Type::four(from);
  }
  return make_float4(available > 0 ? Type::widen(from[0]) : 0.0f, available > 1 ? Type::widen(from[1]) : 0.0f,
                     available > 2 ? Type::widen(from[2]) : 0.0f, 0.0f);
}
