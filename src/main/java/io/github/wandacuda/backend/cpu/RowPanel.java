package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Rows of a matrix in heap memory, in the form that {@link SelectKernels} describes.
 *
 * <p>The matrix may be a mapping of a file that somebody shrinks meanwhile. Then a copy ends in an
 * {@link InternalError}, while a compiled loop of vector loads would end the JVM; so rows are
 * copied here before anything else reads them. A matrix whose columns lie apart (the transposed
 * view of a layer stored as [in, out]) is walked in blocks, so that whole cache lines are used.
 */
final class RowPanel {
  private static final int STRIDED_ROWS = 32;
  private static final int BLOCK_COLUMNS = 64;
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final DType dtype;
  private final int columns;
  private final int[][] rows;

  /** A block's elements, column after column. */
  private final int[] wideBlock;

  private final short[] narrowBlock;

  private RowPanel(WeightMatrix matrix, boolean dense) {
    dtype = matrix.dtype();
    columns = matrix.columns();
    rows = new int[dense ? 1 : Math.min(STRIDED_ROWS, matrix.rows())][];
    Arrays.setAll(rows, row -> RowElements.row(dtype, columns));
    int block = dense ? 0 : STRIDED_ROWS * BLOCK_COLUMNS;
    wideBlock = new int[dtype == DType.F32 ? block : 0];
    narrowBlock = new short[dtype == DType.F32 ? 0 : block];
  }

  /** Returns a panel that suits reading the matrix and, if there is one, writing the other. */
  static RowPanel of(WeightMatrix source, WeightMatrix destination) {
    boolean dense = source.hasDenseRows() && (destination == null || destination.hasDenseRows());
    return new RowPanel(source, dense);
  }

  /** Returns how many rows the panel holds. */
  int capacity() {
    return rows.length;
  }

  /** Returns a row, counted from the panel's first. */
  int[] row(int index) {
    return rows[index];
  }

  /** Fills the panel with {@code count} rows from row {@code first}. */
  void read(WeightMatrix source, int first, int count) {
    if (!source.hasDenseRows()) {
      readBlocks(source, first, count);
      return;
    }
    for (int r = 0; r < count; r++) {
      readRow(source, source.byteOffset(first + r, 0), rows[r]);
    }
  }

  /** Writes {@code count} rows back, from row {@code first}. */
  void write(WeightMatrix destination, int first, int count) {
    if (!destination.hasDenseRows()) {
      writeBlocks(destination, first, count);
      return;
    }
    for (int r = 0; r < count; r++) {
      writeRow(destination, destination.byteOffset(first + r, 0), rows[r]);
    }
  }

  private void readRow(WeightMatrix source, long at, int[] row) {
    int whole = wholeWords();
    MemorySegment.copy(source.data(), INT, at, row, 0, whole);
    if (whole < RowElements.words(dtype, columns)) {
      row[whole] = Short.toUnsignedInt(source.data().get(SHORT, at + (long) Integer.BYTES * whole));
    }
  }

  private void writeRow(WeightMatrix destination, long at, int[] row) {
    int whole = wholeWords();
    MemorySegment.copy(row, 0, destination.data(), INT, at, whole);
    if (whole < RowElements.words(dtype, columns)) {
      destination.data().set(SHORT, at + (long) Integer.BYTES * whole, (short) row[whole]);
    }
  }

  private int wholeWords() {
    return dtype == DType.F32 ? columns : columns >>> 1;
  }

  private void readBlocks(WeightMatrix source, int first, int count) {
    for (int column = 0; column < columns; column += BLOCK_COLUMNS) {
      int width = Math.min(BLOCK_COLUMNS, columns - column);
      for (int c = 0; c < width; c++) {
        readColumn(source, first, column + c, count, c * STRIDED_ROWS);
      }
      for (int r = 0; r < count; r++) {
        blockToRow(rows[r], r, column, width);
      }
    }
  }

  private void writeBlocks(WeightMatrix destination, int first, int count) {
    for (int column = 0; column < columns; column += BLOCK_COLUMNS) {
      int width = Math.min(BLOCK_COLUMNS, columns - column);
      for (int r = 0; r < count; r++) {
        rowToBlock(rows[r], r, column, width);
      }
      for (int c = 0; c < width; c++) {
        writeColumn(destination, first, column + c, count, c * STRIDED_ROWS);
      }
    }
  }

  private void readColumn(WeightMatrix source, int first, int column, int count, int at) {
    int run = source.rowStride() == 1 ? count : 1;
    for (int r = 0; r < count; r += run) {
      long from = source.byteOffset(first + r, column);
      if (dtype == DType.F32) {
        MemorySegment.copy(source.data(), INT, from, wideBlock, at + r, run);
      } else {
        MemorySegment.copy(source.data(), SHORT, from, narrowBlock, at + r, run);
      }
    }
  }

  private void writeColumn(WeightMatrix destination, int first, int column, int count, int at) {
    int run = destination.rowStride() == 1 ? count : 1;
    for (int r = 0; r < count; r += run) {
      long to = destination.byteOffset(first + r, column);
      if (dtype == DType.F32) {
        MemorySegment.copy(wideBlock, at + r, destination.data(), INT, to, run);
      } else {
        MemorySegment.copy(narrowBlock, at + r, destination.data(), SHORT, to, run);
      }
    }
  }

  private void blockToRow(int[] row, int r, int column, int width) {
    if (dtype == DType.F32) {
      for (int c = 0; c < width; c++) {
        row[column + c] = wideBlock[c * STRIDED_ROWS + r];
      }
      return;
    }
    for (int c = 0; c < width; c += 2) {
      int even = Short.toUnsignedInt(narrowBlock[c * STRIDED_ROWS + r]);
      int odd = c + 1 < width ? narrowBlock[(c + 1) * STRIDED_ROWS + r] : 0;
      row[(column + c) >>> 1] = even | odd << Short.SIZE;
    }
  }

  private void rowToBlock(int[] row, int r, int column, int width) {
    if (dtype == DType.F32) {
      for (int c = 0; c < width; c++) {
        wideBlock[c * STRIDED_ROWS + r] = row[column + c];
      }
      return;
    }
    for (int c = 0; c < width; c++) {
      int word = row[(column + c) >>> 1];
      narrowBlock[c * STRIDED_ROWS + r] = (short) (word >>> ((c & 1) << 4));
    }
  }
}
