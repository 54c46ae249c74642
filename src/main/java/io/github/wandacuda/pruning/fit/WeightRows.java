package io.github.wandacuda.pruning.fit;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Copies pieces of the rows of a float32 matrix to arrays and back.
 *
 * @param matrix with dense rows
 * @param workers among which rows are shared out
 */
record WeightRows(WeightMatrix matrix, WorkerPool workers) {
  /** Elements of a task that reads each once: some microseconds of work. */
  private static final int ELEMENTS_PER_TASK = 1 << 15;

  /** Where the highest weight is brought: squares range from 2^-126 to 2^128. */
  private static final int HIGHEST_EXPONENT = 46;

  int count() {
    return matrix.rows();
  }

  int columns() {
    return matrix.columns();
  }

  /**
   * Copies elements of an array to a row.
   *
   * @param at where they are in the array
   * @param column where they go in the row
   */
  void write(float[] from, int at, int row, int column, int count) {
    MemorySegment.copy(from, at, matrix.data(), FLOAT, matrix.byteOffset(row, column), count);
  }

  /** Sets a column to +0.0. */
  void clearColumn(int column) {
    for (int row = 0; row < matrix.rows(); row++) {
      matrix.data().set(FLOAT, matrix.byteOffset(row, column), 0);
    }
  }

  /**
   * Returns by what power of 2 to multiply, so that squares of weights stay in float32's range, and
   * far enough from its ends for what divides them.
   *
   * @param dead columns that don't count
   * @return the exponent; 0 if squares are in that range already
   */
  int shift(boolean[] dead) {
    float[] least = new float[workers.count()];
    float[] largest = new float[workers.count()];
    Arrays.fill(least, Float.POSITIVE_INFINITY);
    forRows(
        (worker, weights) -> {
          for (int c = 0; c < weights.length; c++) {
            float magnitude = dead[c] ? 0 : Math.abs(weights[c]);
            largest[worker] = Math.max(largest[worker], magnitude);
            least[worker] = magnitude > 0 ? Math.min(least[worker], magnitude) : least[worker];
          }
          return false;
        });
    float highest = 0;
    float lowest = Float.POSITIVE_INFINITY;
    for (int worker = 0; worker < least.length; worker++) {
      highest = Math.max(highest, largest[worker]);
      lowest = Math.min(lowest, least[worker]);
    }
    boolean squaresFit = lowest >= 0x1p-50f && highest < 0x1p48f;
    return highest == 0 || squaresFit ? 0 : HIGHEST_EXPONENT - Math.getExponent(highest);
  }

  /** Multiplies all weights by a power of 2. */
  void scale(int exponent) {
    if (exponent != 0) {
      forRows(
          (worker, weights) -> {
            for (int c = 0; c < weights.length; c++) {
              weights[c] = Math.scalb(weights[c], exponent);
            }
            return true;
          });
    }
  }

  /** Does something with a row. */
  private interface RowBody {
    /** Returns whether that changed the row. */
    boolean take(int worker, float[] weights);
  }

  private void forRows(RowBody body) {
    workers.runRanges(
        count(),
        Math.max(1, ELEMENTS_PER_TASK / columns()),
        (worker, from, to) -> {
          float[] weights = new float[columns()];
          for (int row = from; row < to; row++) {
            matrix.read(row, 0, weights.length, weights, 0);
            if (body.take(worker, weights)) {
              write(weights, 0, row, 0, weights.length);
            }
          }
        });
  }

  /**
   * Adds a dense matrix to the rows {@code from} to {@code to - 1}, from a column to their ends.
   *
   * @param terms as many rows
   * @param column the first one that is added to
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
            matrix.read(from + row, column, width, sums, 0);
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
