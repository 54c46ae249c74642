package io.github.wandacuda.testing.selection;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.Lowest;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Selection once more, for tests: in double arithmetic, which holds the product of two floats
 * exactly, and with a stable sort, which keeps equal scores in column order.
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
      IntStream.range(from, from + size)
          .boxed()
          .sorted(Comparator.comparing(c -> scores[c]))
          .limit(lowest.perGroup())
          .forEach(c -> picked[c] = true);
    }
    return picked;
  }
}
