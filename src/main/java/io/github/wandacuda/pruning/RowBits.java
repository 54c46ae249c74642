package io.github.wandacuda.pruning;

import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The raw bits of one row of a matrix at a time, whatever its type and strides. */
final class RowBits {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final int[] bits;
  private final short[] halves;
  private final int magnitude;

  RowBits(DType dtype, int columns) {
    boolean wide = dtype == DType.F32;
    bits = new int[columns];
    halves = wide ? new short[0] : new short[columns];
    magnitude = wide ? Integer.MAX_VALUE : Short.MAX_VALUE;
  }

  /** Reads a row; the element type and columns are those this was made for. */
  void read(WeightMatrix matrix, int row) {
    if (!matrix.hasDenseRows()) {
      readStrided(matrix, row);
    } else if (matrix.dtype() == DType.F32) {
      MemorySegment.copy(matrix.data(), INT, matrix.byteOffset(row, 0), bits, 0, bits.length);
    } else {
      MemorySegment.copy(matrix.data(), SHORT, matrix.byteOffset(row, 0), halves, 0, bits.length);
      for (int column = 0; column < bits.length; column++) {
        bits[column] = halves[column] & 0xffff;
      }
    }
  }

  private void readStrided(WeightMatrix matrix, int row) {
    boolean wide = matrix.dtype() == DType.F32;
    for (int column = 0; column < bits.length; column++) {
      long at = matrix.byteOffset(row, column);
      bits[column] =
          wide ? matrix.data().get(INT, at) : Short.toUnsignedInt(matrix.data().get(SHORT, at));
    }
  }

  int columns() {
    return bits.length;
  }

  int bits(int column) {
    return bits[column];
  }

  /** Returns whether an element is +0.0 or -0.0. */
  boolean isZero(int column) {
    return (bits[column] & magnitude) == 0;
  }
}
