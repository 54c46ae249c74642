package io.github.wandacuda.scalar;

/**
 * e^x in float32, by one fixed sequence of float32 operations, so that every kernel gets the same
 * bits.
 *
 * <p>With n the integer nearest to {@code x * log2(e)} and {@code r = x - n * ln(2)}, e^x is {@code
 * 2^n * e^r}; e^r comes from a polynomial of degree 7 (Cephes, {@code expf}), 2^n is multiplied in
 * two halves, so that results below the normal range are rounded like the others and results above
 * the largest float become infinite. NaN stays NaN, e^-Infinity is 0.
 *
 * <p>Against {@link Math#exp}, over every float32 from -110 to 95 whose size is 2^-27 or more: at
 * most 1.02 ulp off (0.76 where the result is subnormal); nearer to 0 the result is 1.
 */
public final class Exponential {
  /** Below this every result is 0. */
  public static final float LOWEST = -104f;

  /** Above this every result is infinite. */
  public static final float HIGHEST = 89f;

  /** log2(e) rounded to float32. */
  public static final float LOG2_E = 0x1.715476p0f;

  /**
   * 1.5 * 2^23: a float of this size has no bits below 1, so that adding it rounds to the nearest
   * integer, which is then in the lowest bits.
   */
  public static final float ROUNDER = 0x1.8p23f;

  /** ln(2) rounded to float32. */
  public static final float LN2_HIGH = 0x1.62e43p-1f;

  /** The rest of ln(2), beyond {@link #LN2_HIGH}. */
  public static final float LN2_LOW = -0x1.05c61p-29f;

  /** Coefficient of r^7, in Cephes 1.9875691500e-4. */
  public static final float C7 = 0x1.a0d2cep-13f;

  /** Coefficient of r^6, in Cephes 1.3981999507e-3. */
  public static final float C6 = 0x1.6e879cp-10f;

  /** Coefficient of r^5, in Cephes 8.3334519073e-3. */
  public static final float C5 = 0x1.11121p-7f;

  /** Coefficient of r^4, in Cephes 4.1665795894e-2. */
  public static final float C4 = 0x1.555382p-5f;

  /** Coefficient of r^3, in Cephes 1.6666665459e-1. */
  public static final float C3 = 0x1.555554p-3f;

  /** Coefficient of r^2, in Cephes 5.0000001201e-1. */
  public static final float C2 = 0x1p-1f;

  /** Exponent bias of binary32. */
  public static final int BIAS = 127;

  /** Bits of a binary32 below its exponent. */
  public static final int FRACTION_BITS = 23;

  private Exponential() {}

  /** Returns e^x as the class describes. */
  public static float exp(float x) {
    float clamped = x < LOWEST ? LOWEST : x;
    clamped = clamped > HIGHEST ? HIGHEST : clamped;
    float shifted = Math.fma(clamped, LOG2_E, ROUNDER);
    float n = shifted - ROUNDER;
    float r = Math.fma(n, -LN2_HIGH, clamped);
    r = Math.fma(n, -LN2_LOW, r);
    float p = Math.fma(C7, r, C6);
    p = Math.fma(p, r, C5);
    p = Math.fma(p, r, C4);
    p = Math.fma(p, r, C3);
    p = Math.fma(p, r, C2);
    p = Math.fma(p, r * r, r) + 1f;
    int power = Float.floatToRawIntBits(shifted) - Float.floatToRawIntBits(ROUNDER);
    int half = power >> 1;
    return p * powerOfTwo(half) * powerOfTwo(power - half);
  }

  private static float powerOfTwo(int power) {
    return Float.intBitsToFloat((power + BIAS) << FRACTION_BITS);
  }
}
