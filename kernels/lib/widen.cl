// Weights of a checkpoint's type, widened exactly to float32 in integers, so that no device needs cl_khr_fp16. The type
// is chosen by -D WEIGHT_F32, WEIGHT_F16 or WEIGHT_BF16.
//
// An F16's exponent and fraction, moved to where a float32 has them, are the number divided by 2^112, as a subnormal
// where the F16 is one: multiplying by 2^112 is exact. Infinities and NaN are the numbers whose exponent field is full
// in both types.
#if defined(WEIGHT_F16)
typedef ushort weight_t;

float widen(weight_t bits) {
  uint magnitude = bits & 0x7fffu;
  float finite = as_float(magnitude << 13) * 0x1p112f;
  uint wide = magnitude >= 0x7c00u ? (magnitude << 13 | 0x7f800000u) : as_uint(finite);
  return as_float((uint)(bits & 0x8000u) << 16 | wide);
}
#elif defined(WEIGHT_BF16)
typedef ushort weight_t;

float widen(weight_t bits) { return as_float((uint)bits << 16); }
#elif defined(WEIGHT_F32)
typedef float weight_t;

float widen(weight_t value) { return value; }
#else
#error "the type of the weights is missing"
#endif
