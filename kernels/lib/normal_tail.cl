// The upper tail of the normal distribution, Phi(-a) for a of 0 or more, by the float32 operations of NormalTail, in
// their order, so that a device gets the CPU's bits: the OpenCL built-in erf may be 16 ulp off. It is exp(-a^2 / 2) * t
// * Q(t) with t = 1 / (1 + 0.3 a) (Abramowitz and Stegun, 26.2.17); how near that comes is written there.
//
// It needs exponential.cl, for floats.
float normal_tail(float a) {
  float t = 1.0f / fma(a, 0.3f, 1.0f);
  float q = fma(-0x1.51d672p-6f, t, 0x1.cc74aep-4f);
  q = fma(q, t, -0x1.d3487cp-3f);
  q = fma(q, t, 0x1.88a364p-3f);
  q = fma(q, t, -0x1.4514ecp-4f);
  q = fma(q, t, 0x1.89b9aep-4f);
  q = fma(q, t, 0x1.4121dcp-4f);
  q = fma(q, t, 0x1.c3837p-4f);
  q = fma(q, t, 0x1.e9c47ep-4f);
  q = fma(q, t, 0x1.ea3c94p-4f);
  return exponential(-0.5f * a * a) * (t * q);
}
