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

  /** Returns where a row starts, counted from the panel's first. */
  private long at(int index) {
    return index * rowBytes;
  }

  /** Visits a row: its memory, where it starts there, and its number in the matrix. */
  interface Visitor {
    void visit(MemorySegment memory, long at, int row);
  }

  /**
   * Goes through the rows of a matrix in memory of its own, and writes each to another matrix once
   * it was visited.
   *
   * @param destination null for none
   */
  static void forEachRow(WeightMatrix source, WeightMatrix destination, Visitor visitor) {
    boolean dense = source.hasDenseRows() && (destination == null || destination.hasDenseRows());
    try (Arena arena = Arena.ofConfined()) {
      RowPanel panel = new RowPanel(source, dense, arena);
      for (int first = 0; first < source.rows(); first += panel.capacity) {
        int count = Math.min(panel.capacity, source.rows() - first);
        panel.move(source, first, count, true);
        for (int r = 0; r < count; r++) {
          visitor.visit(panel.memory, panel.at(r), first + r);
        }
        if (destination != null) {
          panel.move(destination, first, count, false);
        }
      }
    }
  }

  /** Reads {@code count} rows of a matrix from row {@code first}, or writes them back. */
  private void move(WeightMatrix matrix, int first, int count, boolean reading) {
    if (matrix.hasDenseRows()) {
      for (int r = 0; r < count; r++) {
        long at = matrix.byteOffset(first + r, 0);
        copy(matrix.data(), at, memory, at(r), (long) columns * dtype.bytes(), reading);
      }
      return;
    }
    for (int column = 0; column < columns; column += BLOCK_COLUMNS) {
      int width = Math.min(BLOCK_COLUMNS, columns - column);
      if (!reading) {
        turn(column, width, count, false);
      }
      for (int c = 0; c < width; c++) {
        moveColumn(matrix, first, column + c, count, c, reading);
      }
      if (reading) {
        turn(column, width, count, true);
      }
    }
  }

  private static void copy(
      MemorySegment from, long at, MemorySegment to, long toAt, long bytes, boolean forward) {
    if (forward) {
      MemorySegment.copy(from, at, to, toAt, bytes);
    } else {
      MemorySegment.copy(to, toAt, from, at, bytes);
    }
  }

  /** Returns where in the block an element lies, in bytes. */
  private long placeInBlock(int c, int r) {
    return (long) (c * STRIDED_ROWS + r) * dtype.bytes();
  }

  private void moveColumn(
      WeightMatrix matrix, int first, int column, int count, int c, boolean reading) {
    int run = matrix.rowStride() == 1 ? count : 1;
    long bytes = (long) run * dtype.bytes();
    for (int r = 0; r < count; r += run) {
      long at = matrix.byteOffset(first + r, column);
      copy(matrix.data(), at, block, placeInBlock(c, r), bytes, reading);
    }
  }

  /** Copies the block's columns to the panel's rows, or back. */
  private void turn(int column, int width, int count, boolean toRows) {
    for (int r = 0; r < count; r++) {
      for (int c = 0; c < width; c++) {
        long at = at(r) + (long) (column + c) * dtype.bytes();
        if (toRows) {
          dtype.setBits(memory, at, dtype.bits(block, placeInBlock(c, r)));
        } else {
          dtype.setBits(block, placeInBlock(c, r), dtype.bits(memory, at));
        }
      }
    }
  }
}
