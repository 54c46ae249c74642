// e^x by the float32 operations of Exponential, in their order, so that a device gets the CPU's bits: the OpenCL
// built-in exp may be 3 ulp off, and differs from device to device. There, too, is why it works.
//
// It is made for REAL, which is float, or vectors of WIDTH floats where those are defined (float_vectors.cl).
#ifdef WIDTH
#define REAL vector
#define WHOLE whole_vector
#define AS_REAL OF_WIDTH(as_float, WIDTH)
#define AS_WHOLE OF_WIDTH(as_int, WIDTH)
#else
#define REAL float
#define WHOLE int
#define AS_REAL as_float
#define AS_WHOLE as_int
#endif

REAL power_of_two(WHOLE power) { return AS_REAL((power + 127) << 23); }

REAL exponential(REAL x) {
  REAL rounder = (REAL)(0x1.8p23f);
  REAL clamped = x < -104.0f ? (REAL)(-104.0f) : x;
  clamped = clamped > 89.0f ? (REAL)(89.0f) : clamped;
  REAL shifted = fma(clamped, (REAL)(0x1.715476p0f), rounder);
  REAL n = shifted - rounder;
  REAL r = fma(n, (REAL)(-0x1.62e43p-1f), clamped);
  r = fma(n, (REAL)(0x1.05c61p-29f), r);
  REAL p = fma((REAL)(0x1.a0d2cep-13f), r, (REAL)(0x1.6e879cp-10f));
  p = fma(p, r, (REAL)(0x1.11121p-7f));
  p = fma(p, r, (REAL)(0x1.555382p-5f));
  p = fma(p, r, (REAL)(0x1.555554p-3f));
  p = fma(p, r, (REAL)(0x1p-1f));
  p = fma(p, r * r, r) + 1.0f;
  WHOLE power = AS_WHOLE(shifted) - AS_WHOLE(rounder);
  WHOLE low = power >> 1;
  return p * power_of_two(low) * power_of_two(power - low);
}
