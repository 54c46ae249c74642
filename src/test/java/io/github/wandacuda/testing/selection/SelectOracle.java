package io.github.wandacuda.testing.selection;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.Lowest;
import java.util.Arrays;

/**
 * Selection once more, for tests: in double arithmetic, which holds the product of two floats
 * exactly, and by a limit among the sorted scores.
 */
public final class SelectOracle {
  private SelectOracle() {}

  /** Returns an element's magnitude from its bits. */
  public static double magnitude(DType dtype, int bits) {
    return switch (dtype) {
      case F32 -> Math.abs((double) Float.intBitsToFloat(bits));
      case BF16 -> Math.abs((double) Float.intBitsToFloat(bits << 16));
      case F16 -> {
        int exponent = bits >> 10 & 31;
        int fraction = bits & 1023;
        yield exponent == 0
            ? Math.scalb((double) fraction, -24)
            : Math.scalb(1024.0 + fraction, exponent - 25);
      }
    };
  }

  /**
   * Returns the score of an element, or the highest number where that is less.
   *
   * @param row the elements' bits
   * @param norms one for each column, or null
   */
  public static float threshold(DType dtype, int[] row, float[] norms, int column) {
    double norm = norms == null ? 1 : Math.abs(norms[column]);
    return Math.min((float) (magnitude(dtype, row[column]) * norm), Float.MAX_VALUE);
  }

  /**
   * Returns which elements go.
   *
   * @param bits the elements' bits, row by row
   * @param norms one for each column, or null
   */
  static boolean[][] picked(DType dtype, int[][] bits, float[] norms, SelectionRule rule) {
    boolean[][] picked = new boolean[bits.length][];
    for (int r = 0; r < bits.length; r++) {
      float[] scores = new float[bits[r].length];
      for (int c = 0; c < scores.length; c++) {
        double norm = norms == null ? 1 : norms[c];
        scores[c] = Math.abs((float) (magnitude(dtype, bits[r][c]) * norm));
      }
      picked[r] = pickedInRow(scores, rule);
    }
    return picked;
  }

  private static boolean[] pickedInRow(float[] scores, SelectionRule rule) {
    boolean[] picked = new boolean[scores.length];
    if (rule instanceof AtMost atMost) {
      for (int c = 0; c < scores.length; c++) {
        picked[c] = scores[c] <= atMost.threshold();
      }
      return picked;
    }
    Lowest lowest = (Lowest) rule;
    int size = lowest.groupSize(scores.length);
    for (int from = 0; from < scores.length; from += size) {
      pickLowest(scores, from, size, lowest.perGroup(), picked);
    }
    return picked;
  }

  /** Picks all below the highest score that goes, and of those equal to it the first ones. */
  private static void pickLowest(float[] scores, int from, int size, int pruned, boolean[] picked) {
    if (pruned == 0) {
      return;
    }
    float[] sorted = Arrays.copyOfRange(scores, from, from + size);
    Arrays.sort(sorted);
    float limit = sorted[pruned - 1];
    int left = pruned;
    for (int c = from; c < from + size; c++) {
      picked[c] = scores[c] < limit;
      left -= picked[c] ? 1 : 0;
    }
    for (int c = from; left > 0; c++) {
      if (scores[c] == limit) {
        picked[c] = true;
        left--;
      }
    }
  }
}
