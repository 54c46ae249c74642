package io.github.wandacuda.scalar;

/**
 * The upper tail of the normal distribution, {@code Phi(-a)} for a of 0 or more, in float32, by one
 * fixed sequence of float32 operations, so that every kernel gets the same bits.
 *
 * <p>It is {@code exp(-a^2 / 2) * t * Q(t)} with {@code t = 1 / (1 + 0.3 a)}, the form of Hastings
 * (Abramowitz and Stegun, 26.2.17), with Q of degree 9 fitted for the least relative error, 3.5e-9
 * before rounding, on a from 0 to 14.3, beyond which the tail is less than half of the least
 * float32. Against float64, over all a: at most 1.1e-7 off, and 5e-7 of the tail itself up to a =
 * 4, 2e-6 up to 10, where {@code a^2 / 2} has few digits left below 1. {@code Phi(0)} is 0.5.
 */
public final class NormalTail {
  /** The factor of a in the formula of t. */
  public static final float RATE = 0.3f;

  /** The coefficients in Q of t^9 and, after it, of each lower power. */
  public static final float C9 = -0x1.51d672p-6f;

  public static final float C8 = 0x1.cc74aep-4f;
  public static final float C7 = -0x1.d3487cp-3f;
  public static final float C6 = 0x1.88a364p-3f;
  public static final float C5 = -0x1.4514ecp-4f;
  public static final float C4 = 0x1.89b9aep-4f;
  public static final float C3 = 0x1.4121dcp-4f;
  public static final float C2 = 0x1.c3837p-4f;
  public static final float C1 = 0x1.e9c47ep-4f;
  public static final float C0 = 0x1.ea3c94p-4f;

  private NormalTail() {}

  /** Returns Phi(-a), for a of 0 or more. */
  public static float of(float a) {
    float t = 1f / Math.fma(a, RATE, 1f);
    float q = Math.fma(C9, t, C8);
    q = Math.fma(q, t, C7);
    q = Math.fma(q, t, C6);
    q = Math.fma(q, t, C5);
    q = Math.fma(q, t, C4);
    q = Math.fma(q, t, C3);
    q = Math.fma(q, t, C2);
    q = Math.fma(q, t, C1);
    q = Math.fma(q, t, C0);
    return Exponential.exp(-0.5f * a * a) * (t * q);
  }
}
