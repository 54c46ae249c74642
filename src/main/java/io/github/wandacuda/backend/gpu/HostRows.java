package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;

/**
 * Copies rows of a matrix with any layout in host memory to and from consecutive rows, as devices
 * take them. A matrix with dense rows is only accessed by bulk copies, since its memory may be a
 * mapping of a file that is truncated.
 */
final class HostRows {
  /** Rows and columns of the squares in which strided elements are copied: a few cache lines. */
  private static final int SQUARE = 32;

  private HostRows() {}

  /** Copies the whole matrix to {@code dense}. */
  public static void gather(WeightMatrix matrix, MemorySegment dense) {
    copy(matrix, dense, true);
  }

  /** Copies {@code dense} to the whole matrix. */
  public static void scatter(MemorySegment dense, WeightMatrix matrix) {
    copy(matrix, dense, false);
  }

  private static void copy(WeightMatrix matrix, MemorySegment dense, boolean toDense) {
    if (!matrix.hasDenseRows()) {
      copyElements(matrix, dense, toDense);
      return;
    }
    long rowBytes = RowLayout.rowBytes(matrix);
    boolean together = matrix.rowStride() == matrix.columns();
    int step = together ? matrix.rows() : 1;
    for (int row = 0; row < matrix.rows(); row += step) {
      move(
          matrix.data(),
          matrix.byteOffset(row, 0),
          dense,
          row * rowBytes,
          step * rowBytes,
          toDense);
    }
  }

  private static void move(
      MemorySegment matrix, long from, MemorySegment dense, long to, long bytes, boolean toDense) {
    if (toDense) {
      MemorySegment.copy(matrix, from, dense, to, bytes);
    } else {
      MemorySegment.copy(dense, to, matrix, from, bytes);
    }
  }

  private static void copyElements(WeightMatrix matrix, MemorySegment dense, boolean toDense) {
    for (int row = 0; row < matrix.rows(); row += SQUARE) {
      for (int column = 0; column < matrix.columns(); column += SQUARE) {
        copySquare(matrix, row, column, dense, toDense);
      }
    }
  }

  private static void copySquare(
      WeightMatrix matrix, int firstRow, int firstColumn, MemorySegment dense, boolean toDense) {
    int bytes = matrix.dtype().bytes();
    int endRow = Math.min(matrix.rows(), firstRow + SQUARE);
    int endColumn = Math.min(matrix.columns(), firstColumn + SQUARE);
    for (int row = firstRow; row < endRow; row++) {
      for (int column = firstColumn; column < endColumn; column++) {
        long at = ((long) row * matrix.columns() + column) * bytes;
        copyElement(matrix, matrix.byteOffset(row, column), dense, at, toDense);
      }
    }
  }

  private static void copyElement(
      WeightMatrix matrix, long from, MemorySegment dense, long to, boolean toDense) {
    DType dtype = matrix.dtype();
    if (toDense) {
      dtype.setBits(dense, to, dtype.bits(matrix.data(), from));
    } else {
      dtype.setBits(matrix.data(), from, dtype.bits(dense, to));
    }
  }
}
