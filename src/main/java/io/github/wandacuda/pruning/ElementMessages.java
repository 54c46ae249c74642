package io.github.wandacuda.pruning;

import io.github.wandacuda.WeightMatrix;

/** Single elements of matrices, for messages. */
public final class ElementMessages {
  private ElementMessages() {}

  /** Returns an element's bits. */
  public static long bits(WeightMatrix matrix, int row, int column) {
    long at = matrix.byteOffset(row, column);
    return Integer.toUnsignedLong(matrix.dtype().bits(matrix.data(), at));
  }

  /** Returns an element as a number and its bits, such as {@code -0.0 (0x8000)}. */
  public static String text(WeightMatrix matrix, int row, int column) {
    String digits = "%0" + 2 * matrix.dtype().bytes() + "x";
    return "%s (0x%s)"
        .formatted(matrix.get(row, column), digits.formatted(bits(matrix, row, column)));
  }
}
