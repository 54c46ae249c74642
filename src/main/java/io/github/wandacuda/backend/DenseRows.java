package io.github.wandacuda.backend;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Copies rows with any layout to rows of consecutive elements, or back. Consecutive elements are
 * only accessed by bulk copies, since their memory may be a mapping of a file that is truncated. A
 * matrix whose columns lie apart (the transposed view of a layer stored as [in, out]) is walked in
 * blocks, so that whole cache lines are used.
 */
public final class DenseRows {
  private static final int BLOCK_ROWS = 32;
  private static final int BLOCK_COLUMNS = 64;

  private final WeightMatrix matrix;
  private final DType dtype;
  private final MemorySegment dense;
  private final long pitch;
  private final boolean gathers;

  private DenseRows(WeightMatrix matrix, MemorySegment dense, long pitch, boolean gathers) {
    this.matrix = matrix;
    dtype = matrix.dtype();
    this.dense = dense;
    this.pitch = pitch;
    this.gathers = gathers;
  }

  /**
   * Copies a matrix to dense rows: the elements of a row are consecutive.
   *
   * @param matrix of any strides, transposed ones included
   * @param dense takes the rows, the first one at its start; long enough for all of them
   * @param pitch bytes from the start of a row to the start of the next one, at least a row's bytes
   */
  public static void gather(WeightMatrix matrix, MemorySegment dense, long pitch) {
    new DenseRows(matrix, dense, pitch, true).copy();
  }

  /**
   * Copies dense rows to a matrix.
   *
   * @param dense has the rows, the first one at its start
   * @param pitch bytes from the start of a row to the start of the next one, at least a row's bytes
   * @param matrix of any strides; takes the elements
   */
  public static void scatter(MemorySegment dense, long pitch, WeightMatrix matrix) {
    new DenseRows(matrix, dense, pitch, false).copy();
  }

  private void copy() {
    int columns = matrix.columns();
    if (matrix.hasDenseRows()) {
      long bytes = (long) columns * dtype.bytes();
      boolean together = matrix.rowStride() == columns && pitch == bytes;
      int step = together ? matrix.rows() : 1;
      for (int row = 0; row < matrix.rows(); row += step) {
        move(row, 0, dense, row * pitch, step * bytes);
      }
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment block = arena.allocate(placeInBlock(BLOCK_COLUMNS, 0), Long.BYTES);
      for (int row = 0; row < matrix.rows(); row += BLOCK_ROWS) {
        for (int column = 0; column < columns; column += BLOCK_COLUMNS) {
          copyBlock(row, column, block);
        }
      }
    }
  }

  /**
   * Copies consecutive elements between the matrix and other memory, as one run of bytes.
   *
   * @param row of the first element
   * @param column of the first element
   * @param otherAt where the run begins in {@code other}, in bytes
   */
  private void move(int row, int column, MemorySegment other, long otherAt, long bytes) {
    long at = matrix.byteOffset(row, column);
    if (gathers) {
      MemorySegment.copy(matrix.data(), at, other, otherAt, bytes);
    } else {
      MemorySegment.copy(other, otherAt, matrix.data(), at, bytes);
    }
  }

  /**
   * Copies up to {@link #BLOCK_ROWS} rows of up to {@link #BLOCK_COLUMNS} columns, by way of a
   * block of memory that stays in the cache.
   *
   * @param row the first row
   * @param column the first column
   * @param block takes the elements column after column
   */
  private void copyBlock(int row, int column, MemorySegment block) {
    int height = Math.min(BLOCK_ROWS, matrix.rows() - row);
    int width = Math.min(BLOCK_COLUMNS, matrix.columns() - column);
    int run = matrix.rowStride() == 1 ? height : 1;
    long at = row * pitch + (long) column * dtype.bytes();
    if (!gathers) {
      turn(block, at, height, width);
    }
    for (int c = 0; c < width; c++) {
      for (int r = 0; r < height; r += run) {
        move(row + r, column + c, block, placeInBlock(c, r), (long) run * dtype.bytes());
      }
    }
    if (gathers) {
      turn(block, at, height, width);
    }
  }

  /**
   * Returns the offset of an element in the block, in bytes: columns are {@link #BLOCK_ROWS}
   * elements apart.
   */
  private long placeInBlock(int c, int r) {
    return (long) (c * BLOCK_ROWS + r) * dtype.bytes();
  }

  /**
   * Transposes the block into dense rows, or dense rows into the block.
   *
   * @param first the offset in the dense memory of the block's first element, in bytes
   */
  private void turn(MemorySegment block, long first, int height, int width) {
    for (int r = 0; r < height; r++) {
      for (int c = 0; c < width; c++) {
        long at = first + r * pitch + (long) c * dtype.bytes();
        if (gathers) {
          dtype.setBits(dense, at, dtype.bits(block, placeInBlock(c, r)));
        } else {
          dtype.setBits(block, placeInBlock(c, r), dtype.bits(dense, at));
        }
      }
    }
  }
}
