package io.github.wandacuda.library;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Looks for weights that aren't finite: those whose exponent bits are all set. Several lie in a
 * word, and one more in the exponent's lowest place carries into the sign's bit of just those.
 */
final class FiniteCheck {
  private final WeightMatrix matrix;
  private final long exponents;
  private final long lowest;
  private final long signs;

  private FiniteCheck(WeightMatrix matrix) {
    this.matrix = matrix;
    int width = matrix.dtype().bytes() * Byte.SIZE;
    long ones = Long.divideUnsigned(-1, (1L << width) - 1);
    exponents = ones * matrix.dtype().bits(Float.POSITIVE_INFINITY);
    lowest = exponents & ~(exponents << 1);
    signs = ones << width - 1;
  }

  /** Reads a whole matrix, and throws for the first weight, row by row, that is NaN or infinite. */
  static void require(WeightMatrix matrix) {
    if (matrix.elements() == 0 || new FiniteCheck(matrix).isFinite()) {
      return;
    }
    for (int row = 0; row < matrix.rows(); row++) {
      for (int column = 0; column < matrix.columns(); column++) {
        float value = matrix.get(row, column);
        if (!Float.isFinite(value)) {
          throw new NonFiniteWeightException(row, column, value);
        }
      }
    }
  }

  /** Returns whether all weights are finite, as far as words can be looked at. */
  private boolean isFinite() {
    if (matrix.columnStride() == 1) {
      return areFinite(matrix.rows(), matrix.rowStride(), matrix.columns());
    }
    return matrix.rowStride() == 1
        && areFinite(matrix.columns(), matrix.columnStride(), matrix.rows());
  }

  /** Looks at lines of consecutive elements. */
  private boolean areFinite(int lines, long stride, int length) {
    long bytes = (long) length * matrix.dtype().bytes();
    for (int line = 0; line < lines; line++) {
      long start = line * stride * matrix.dtype().bytes();
      if ((carries(matrix.data().asSlice(start, bytes)) & signs) != 0) {
        return false;
      }
    }
    return true;
  }

  private long carries(MemorySegment line) {
    long bytes = line.byteSize();
    long whole = bytes - bytes % Long.BYTES;
    long found = 0;
    for (long at = 0; at < whole; at += Long.BYTES) {
      found |= (line.get(LONG, at) & exponents) + lowest;
    }
    if (bytes > whole) {
      found |= (rest(line, whole) & exponents) + lowest;
    }
    return found;
  }

  private static long rest(MemorySegment line, long from) {
    long word = 0;
    for (long at = from; at < line.byteSize(); at++) {
      word |= (line.get(ValueLayout.JAVA_BYTE, at) & 0xffL) << ((at - from) * Byte.SIZE);
    }
    return word;
  }
}
