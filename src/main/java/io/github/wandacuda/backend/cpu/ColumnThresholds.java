package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.simd.Scores;
import java.util.Arrays;

/**
 * Thresholds of a score in each column's own terms: the lowest magnitude, as the bits of a 16-bit
 * element, whose score reaches it. A score |w| * norm is below the given one exactly if the bits of
 * |w| are below the column's threshold, since rounding keeps the order. So a row's elements can be
 * compared with a score as they are, with all bits of a vector in use, without being widened and
 * multiplied.
 *
 * <p>A quotient gives the threshold to within one, and a multiplication decides whether it is
 * right. If it isn't, as products of subnormal numbers lose their precision, the threshold is
 * searched by bisection. This is plain Java: vectors take a quarter of the time, but in a short run
 * most thresholds are made before vector code is compiled, when they take a hundred times as long.
 */
final class ColumnThresholds {
  private static final float SMALLEST_NORMAL_HALF = 0x1p-14f;
  private static final float UNITS_OF_SUBNORMAL_HALF = 0x1p24f;

  private final boolean brain;
  private final float[] norms;
  private final int infinity;

  /**
   * Prepares thresholds.
   *
   * @param dtype a type of 16 bits
   * @param norms a norm for each column, finite and not negative
   */
  ColumnThresholds(DType dtype, float[] norms) {
    brain = dtype == DType.BF16;
    this.norms = norms;
    infinity = Scores.infinity(brain);
  }

  /**
   * Writes the thresholds of a score. Those of padding are 0, below which there is nothing.
   *
   * @param thresholds as many as there are columns, padding included
   * @param score the bits of a number that is not negative
   */
  void write(short[] thresholds, int score) {
    if (score == 0) {
      Arrays.fill(thresholds, (short) 0);
      return;
    }
    float wanted = Float.intBitsToFloat(score);
    for (int c = 0; c < norms.length; c++) {
      float norm = norms[c];
      int guess = Math.min(brain ? brain(wanted / norm) : half(wanted / norm), infinity);
      int threshold = value(guess) * norm >= wanted ? guess : Math.min(guess + 1, infinity);
      thresholds[c] =
          (short) (isThreshold(threshold, norm, wanted) ? threshold : searched(norm, wanted));
    }
    Arrays.fill(thresholds, norms.length, thresholds.length, (short) 0);
  }

  /** Returns a number's bits in BF16, rounded down. */
  private static int brain(float number) {
    return Float.floatToRawIntBits(number) >>> Short.SIZE;
  }

  /** Returns a number's bits in F16, rounded down; not below infinity's if it is too large. */
  private static int half(float number) {
    return number < SMALLEST_NORMAL_HALF
        ? (int) (number * UNITS_OF_SUBNORMAL_HALF)
        : Float.floatToRawIntBits(number) - Scores.HALF_REBIAS >>> Scores.HALF_TO_FLOAT;
  }

  /** Returns whether a magnitude is the lowest one whose score reaches the wanted one. */
  private boolean isThreshold(int threshold, float norm, float wanted) {
    boolean reaches = threshold == infinity || value(threshold) * norm >= wanted;
    return reaches && value(threshold - 1) * norm < wanted;
  }

  /** Finds the threshold by bisection. */
  private int searched(float norm, float wanted) {
    int low = 0;
    int high = infinity;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (value(middle) * norm >= wanted) {
        high = middle;
      } else {
        low = middle;
      }
    }
    return high;
  }

  /** Returns the number that an element's bits without sign stand for. */
  private float value(int magnitude) {
    return brain
        ? Float.intBitsToFloat(magnitude << Short.SIZE)
        : Float.float16ToFloat((short) magnitude);
  }
}
