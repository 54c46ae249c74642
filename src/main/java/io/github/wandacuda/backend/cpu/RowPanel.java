package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.system.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Rows of a matrix in memory of its own, in the form that {@link CpuSelectKernels} asks for.
 *
 * <p>A matrix whose rows have that form already is worked on where it lies. Others are copied here:
 * rows that would need padding; Java arrays; and above all mappings of files, which may shrink
 * meanwhile. Then a copy ends in an {@link InternalError}, while a compiled loop of vector loads
 * would end the JVM. A matrix whose columns lie apart (the transposed view of a layer stored as
 * [in, out]) is walked in blocks, so that whole cache lines are used.
 */
final class RowPanel {
  private static final int STRIDED_ROWS = 32;
  private static final int BLOCK_COLUMNS = 64;
  private static final long CACHE_LINE = 64;

  private final DType dtype;
  private final int columns;
  private final int capacity;
  private final long rowBytes;
  private final MemorySegment memory;

  /** A block's elements, column after column. */
  private final MemorySegment block;

  private RowPanel(WeightMatrix matrix, boolean dense, Arena arena) {
    dtype = matrix.dtype();
    columns = matrix.columns();
    capacity = dense ? 1 : Math.min(STRIDED_ROWS, matrix.rows());
    rowBytes = (long) CpuSelectKernels.padded(columns) * dtype.bytes();
    memory = arena.allocate(capacity * rowBytes, CACHE_LINE);
    block = arena.allocate(dense ? 0 : placeInBlock(BLOCK_COLUMNS, 0), CACHE_LINE);
  }

  /** Returns whether the matrix's rows can be worked on where they are. */
  static boolean isNeedlessFor(WeightMatrix matrix) {
    return matrix.hasDenseRows()
        && matrix.columns() % CpuSelectKernels.PADDING == 0
        && NativeMemory.is(matrix.data());
  }

  /**
   * Returns a panel that suits reading the matrix and, if there is one, writing the other.
   *
   * @param arena how long its memory lasts
   */
  static RowPanel of(WeightMatrix source, WeightMatrix destination, Arena arena) {
    boolean dense = source.hasDenseRows() && (destination == null || destination.hasDenseRows());
    return new RowPanel(source, dense, arena);
  }

  /** Returns how many rows the panel holds. */
  int capacity() {
    return capacity;
  }

  /** Returns the memory of the rows. */
  MemorySegment memory() {
    return memory;
  }

  /** Returns where in it a row starts, counted from the panel's first. */
  long at(int index) {
    return index * rowBytes;
  }

  /** Fills the panel with {@code count} rows from row {@code first}. */
  void read(WeightMatrix source, int first, int count) {
    if (!source.hasDenseRows()) {
      readBlocks(source, first, count);
      return;
    }
    for (int r = 0; r < count; r++) {
      MemorySegment.copy(
          source.data(), source.byteOffset(first + r, 0), memory, at(r), filledBytes());
    }
  }

  /** Writes {@code count} rows back, from row {@code first}. */
  void write(WeightMatrix destination, int first, int count) {
    if (!destination.hasDenseRows()) {
      writeBlocks(destination, first, count);
      return;
    }
    for (int r = 0; r < count; r++) {
      MemorySegment.copy(
          memory, at(r), destination.data(), destination.byteOffset(first + r, 0), filledBytes());
    }
  }

  private long filledBytes() {
    return (long) columns * dtype.bytes();
  }

  private void readBlocks(WeightMatrix source, int first, int count) {
    for (int column = 0; column < columns; column += BLOCK_COLUMNS) {
      int width = Math.min(BLOCK_COLUMNS, columns - column);
      for (int c = 0; c < width; c++) {
        readColumn(source, first, column + c, count, c);
      }
      for (int r = 0; r < count; r++) {
        blockToRow(r, column, width);
      }
    }
  }

  private void writeBlocks(WeightMatrix destination, int first, int count) {
    for (int column = 0; column < columns; column += BLOCK_COLUMNS) {
      int width = Math.min(BLOCK_COLUMNS, columns - column);
      for (int r = 0; r < count; r++) {
        rowToBlock(r, column, width);
      }
      for (int c = 0; c < width; c++) {
        writeColumn(destination, first, column + c, count, c);
      }
    }
  }

  /** Returns where in the block an element lies, in bytes. */
  private long placeInBlock(int c, int r) {
    return (long) (c * STRIDED_ROWS + r) * dtype.bytes();
  }

  private void readColumn(WeightMatrix source, int first, int column, int count, int c) {
    int run = source.rowStride() == 1 ? count : 1;
    for (int r = 0; r < count; r += run) {
      long from = source.byteOffset(first + r, column);
      MemorySegment.copy(
          source.data(), from, block, placeInBlock(c, r), (long) run * dtype.bytes());
    }
  }

  private void writeColumn(WeightMatrix destination, int first, int column, int count, int c) {
    int run = destination.rowStride() == 1 ? count : 1;
    for (int r = 0; r < count; r += run) {
      long to = destination.byteOffset(first + r, column);
      MemorySegment.copy(
          block, placeInBlock(c, r), destination.data(), to, (long) run * dtype.bytes());
    }
  }

  private void blockToRow(int r, int column, int width) {
    for (int c = 0; c < width; c++) {
      long at = at(r) + (long) (column + c) * dtype.bytes();
      dtype.setBits(memory, at, dtype.bits(block, placeInBlock(c, r)));
    }
  }

  private void rowToBlock(int r, int column, int width) {
    for (int c = 0; c < width; c++) {
      long at = at(r) + (long) (column + c) * dtype.bytes();
      dtype.setBits(block, placeInBlock(c, r), dtype.bits(memory, at));
    }
  }
}
