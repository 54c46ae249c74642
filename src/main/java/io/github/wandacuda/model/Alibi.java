package io.github.wandacuda.model;

import io.github.wandacuda.DType;
import java.util.function.DoubleUnaryOperator;

/**
 * ALiBi (Press et al., arXiv 2108.12409): a head's slope times a key's position, added to its
 * scores. If the number of heads is a power of two, the slopes are the paper's. Else the first
 * heads, as many as the next lower power of two, get the slopes of that number, and the others get
 * every second slope of twice that number.
 */
final class Alibi {
  private Alibi() {}

  /** Returns the slopes of a number of heads, in float32. */
  private static float[] slopes(int heads) {
    int most = Integer.highestOneBit(heads);
    float[] slopes = new float[heads];
    for (int head = 0; head < heads; head++) {
      slopes[head] = head < most ? power(most, head + 1) : power(2 * most, 2 * (head - most) + 1);
    }
    return slopes;
  }

  private static float power(int heads, int exponent) {
    return (float) Math.pow((float) Math.pow(2, -8.0 / heads), exponent);
  }

  /** Returns the biases of a number of heads: slope times position. */
  static PositionTable table(int heads) {
    return table(heads, DoubleUnaryOperator.identity(), 1);
  }

  /**
   * Returns the biases as Falcon computes them: slopes, positions and their products are rounded to
   * bfloat16 and added before the scores are scaled.
   *
   * @param heads number of heads
   * @param scale the scale of the scores
   */
  static PositionTable brainTable(int heads, float scale) {
    return table(heads, Alibi::brain, scale);
  }

  private static PositionTable table(int heads, DoubleUnaryOperator round, float scale) {
    return length -> {
      float[] slopes = slopes(heads);
      float[] table = new float[Math.multiplyExact(slopes.length, length)];
      for (int at = 0; at < table.length; at++) {
        double slope = round.applyAsDouble(slopes[at / length]);
        double position = round.applyAsDouble(at % length);
        table[at] = (float) round.applyAsDouble((float) (slope * position)) * scale;
      }
      return new PositionTable.Values(table, slopes.length, length);
    };
  }

  /** Rounds to bfloat16, ties to even. */
  private static double brain(double value) {
    return DType.BF16.rounded((float) value);
  }
}
