package io.github.wandacuda.layerwise;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Copies pieces of the rows of a float32 matrix to arrays and back. */
final class WeightRows {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Elements of a task that reads each once: some microseconds of work. */
  private static final int ELEMENTS_PER_TASK = 1 << 15;

  private final WeightMatrix matrix;
  private final WorkerPool workers;

  WeightRows(WeightMatrix matrix, WorkerPool workers) {
    this.matrix = matrix;
    this.workers = workers;
  }

  int count() {
    return matrix.rows();
  }

  int columns() {
    return matrix.columns();
  }

  /** Copies {@code count} elements of a row. */
  void read(int row, int column, int count, float[] to, int at) {
    MemorySegment.copy(matrix.data(), FLOAT, matrix.byteOffset(row, column), to, at, count);
  }

  /** Copies {@code count} elements back. */
  void write(float[] from, int at, int row, int column, int count) {
    MemorySegment.copy(from, at, matrix.data(), FLOAT, matrix.byteOffset(row, column), count);
  }

  /** Makes a column +0.0. */
  void clearColumn(int column) {
    for (int row = 0; row < matrix.rows(); row++) {
      matrix.data().set(FLOAT, matrix.byteOffset(row, column), 0);
    }
  }

  /**
   * Adds a dense matrix to some rows, from a column to their ends.
   *
   * @param terms as many rows as {@code from} to {@code to - 1}
   */
  void add(MemorySegment terms, int from, int to, int column) {
    int width = matrix.columns() - column;
    workers.runRanges(
        to - from,
        Math.max(1, ELEMENTS_PER_TASK / width),
        (worker, first, end) -> {
          float[] sums = new float[width];
          float[] added = new float[width];
          for (int row = first; row < end; row++) {
            read(from + row, column, width, sums, 0);
            long at = (long) row * width * Float.BYTES;
            MemorySegment.copy(terms, FLOAT, at, added, 0, width);
            for (int c = 0; c < width; c++) {
              sums[c] += added[c];
            }
            write(sums, 0, from + row, column, width);
          }
        });
  }
}
