// CUDA's vector types, aligned as on the device.
#pragma once

#define PRETEND_VECTORS(type, name)                                                     \
  struct __align__(2 * sizeof(type)) name##2 { type x, y; };                            \
  struct name##3 { type x, y, z; };                                                     \
  struct __align__(4 * sizeof(type) > 16 ? 16 : 4 * sizeof(type)) name##4 { type x, y, z, w; }; \
  inline name##2 make_##name##2(type x, type y) { return {x, y}; }                      \
  inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }

struct __align__(8) uint2 { unsigned x, y; };
struct __align__(16) uint4 { unsigned x, y, z, w; };
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
PRETEND_VECTORS(int, int)
PRETEND_VECTORS(float, float)
PRETEND_VECTORS(short, short)
PRETEND_VECTORS(unsigned short, ushort)
PRETEND_VECTORS(unsigned char, uchar)
PRETEND_VECTORS(long long, longlong)
PRETEND_VECTORS(unsigned long long, ulonglong)
#undef PRETEND_VECTORS
