package io.github.wandacuda.pruning;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Single elements of matrices, for messages. */
public final class ElementMessages {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private ElementMessages() {}

  /** Returns an element's bits. */
  public static long bits(WeightMatrix matrix, int row, int column) {
    long at = matrix.byteOffset(row, column);
    return matrix.dtype() == DType.F32
        ? Integer.toUnsignedLong(matrix.data().get(INT, at))
        : Short.toUnsignedLong(matrix.data().get(SHORT, at));
  }

  /** Returns an element as a number and its bits, such as {@code -0.0 (0x8000)}. */
  public static String text(WeightMatrix matrix, int row, int column) {
    String digits = "%0" + 2 * matrix.dtype().bytes() + "x";
    return "%s (0x%s)"
        .formatted(matrix.get(row, column), digits.formatted(bits(matrix, row, column)));
  }
}
