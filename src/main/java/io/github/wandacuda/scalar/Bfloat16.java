package io.github.wandacuda.scalar;

/** Floats rounded to bfloat16, the upper half of their bits. */
public final class Bfloat16 {
  /** One less than half of what the last bit that is kept stands for. */
  private static final int BELOW_HALF = 0x7fff;

  private Bfloat16() {}

  /**
   * Returns the bits of the nearest bfloat16, of two equally near the even one.
   *
   * @param value not NaN; one too large becomes infinite
   */
  public static short bits(float value) {
    int bits = Float.floatToRawIntBits(value);
    return (short) (bits + BELOW_HALF + (bits >>> Short.SIZE & 1) >>> Short.SIZE);
  }

  /** Returns the float of a bfloat16's bits. */
  public static float value(short bits) {
    return Float.intBitsToFloat(bits << Short.SIZE);
  }
}
