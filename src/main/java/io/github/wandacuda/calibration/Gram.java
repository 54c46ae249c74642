package io.github.wandacuda.calibration;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;

/**
 * The second moments of a linear layer's inputs: the symmetric matrix {@code G[i, j] = 1/S * sum
 * over all tokens of x_i * x_j}, where S counts samples. Its diagonal is the square of the input
 * norms. For weights W and pruned weights V, the change of the layer's outputs over those tokens is
 * {@code S * trace((W - V) G (W - V)^T)}.
 *
 * @param columns the layer's input columns
 * @param triangle the upper triangle row by row, {@link #elements} little-endian floats
 */
public record Gram(int columns, MemorySegment triangle) {
  /** Rows and columns of a block, which stays in the first-level cache while it is mirrored. */
  private static final int BLOCK = 64;

  /**
   * Checks the size of the memory.
   *
   * @throws IllegalArgumentException if the memory isn't a triangle of so many columns
   */
  public Gram {
    if (columns < 0 || triangle.byteSize() != elements(columns) * Float.BYTES) {
      throw new IllegalArgumentException(
          "expected %d bytes for %d columns, found %d"
              .formatted(elements(columns) * Float.BYTES, columns, triangle.byteSize()));
    }
  }

  /** Returns how many elements a triangle has: {@code columns * (columns + 1) / 2}. */
  public static long elements(int columns) {
    return PackedTriangle.elements(columns);
  }

  /** Returns where in the triangle a row begins, at its element on the diagonal. */
  public static long rowStart(int columns, int row) {
    return PackedTriangle.rowStart(columns, row);
  }

  /** Returns an element of either triangle. */
  public float get(int row, int column) {
    int upper = Math.min(row, column);
    int right = Math.max(row, column);
    return triangle.getAtIndex(FLOAT, rowStart(columns, upper) + right - upper);
  }

  /**
   * Writes the whole matrix, row by row: {@code columns * columns} little-endian floats.
   *
   * @param square takes them
   * @param workers share the rows of the triangle
   */
  public void copyTo(MemorySegment square, WorkerPool workers) {
    workers.runRanges(columns, BLOCK, (worker, from, to) -> copyRows(from, to, square));
  }

  private void copyRows(int from, int to, MemorySegment square) {
    for (int row = from; row < to; row++) {
      long start = rowStart(columns, row) * Float.BYTES;
      long at = ((long) row * columns + row) * Float.BYTES;
      MemorySegment.copy(triangle, start, square, at, (long) (columns - row) * Float.BYTES);
    }
    for (int first = from; first < columns; first += BLOCK) {
      mirror(from, to, first, Math.min(columns, first + BLOCK), square);
    }
  }

  /**
   * Writes a block of the triangle to its place below the diagonal, one column of the block at a
   * time.
   */
  private void mirror(int from, int to, int first, int end, MemorySegment square) {
    for (int column = first; column < end; column++) {
      for (int row = from; row < Math.min(to, column); row++) {
        float value = triangle.getAtIndex(FLOAT, rowStart(columns, row) + column - row);
        square.setAtIndex(FLOAT, (long) column * columns + row, value);
      }
    }
  }
}
