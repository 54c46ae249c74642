// The hyperbolic tangent by the float32 operations of Tanh, in their order, so that a device gets the CPU's bits: the
// OpenCL built-in tanh may be 5 ulp off. Below 0.625 in size it is an odd polynomial of degree 11 (Cephes, tanhf),
// above it 1 - 2 / (e^(2|x|) + 1) with x's sign. Both are computed, since vectors of which some elements are small need
// both.
//
// It needs exponential.cl, and is made for the same REAL.
REAL hyperbolic_tangent(REAL x) {
  REAL square = x * x;
  REAL p = fma((REAL)(-5.70498872745e-3f), square, (REAL)(2.06390887954e-2f));
  p = fma(p, square, (REAL)(-5.37397155531e-2f));
  p = fma(p, square, (REAL)(1.33314422036e-1f));
  p = fma(p, square, (REAL)(-3.33332819422e-1f));
  REAL small = fma(p * square, x, x);
  REAL size = fabs(x);
  REAL large = copysign(1.0f - 2.0f / (exponential(size + size) + 1.0f), x);
  return size < 0.625f ? small : large;
}
