package io.github.wandacuda.library;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Elements of any type, widened exactly to float32. */
final class FloatRows {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private FloatRows() {}

  /**
   * Widens a matrix row by row.
   *
   * @param values whose first elements take it
   */
  static void widen(WeightMatrix matrix, float[] values) {
    int columns = matrix.columns();
    short[] halves = new short[matrix.dtype() == DType.F32 ? 0 : columns];
    for (int row = 0; row < matrix.rows(); row++) {
      if (matrix.hasDenseRows()) {
        widen(matrix, row, halves, values, row * columns);
      } else {
        for (int column = 0; column < columns; column++) {
          values[row * columns + column] = matrix.get(row, column);
        }
      }
    }
  }

  private static void widen(WeightMatrix matrix, int row, short[] halves, float[] values, int at) {
    MemorySegment data = matrix.data();
    long from = matrix.byteOffset(row, 0);
    int columns = matrix.columns();
    switch (matrix.dtype()) {
      case F32 -> MemorySegment.copy(data, FLOAT, from, values, at, columns);
      case F16 -> {
        MemorySegment.copy(data, SHORT, from, halves, 0, columns);
        for (int column = 0; column < columns; column++) {
          values[at + column] = Float.float16ToFloat(halves[column]);
        }
      }
      case BF16 -> {
        MemorySegment.copy(data, SHORT, from, halves, 0, columns);
        for (int column = 0; column < columns; column++) {
          values[at + column] = Float.intBitsToFloat(halves[column] << Short.SIZE);
        }
      }
    }
  }
}
