package io.github.wandacuda.pruning;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The magnitudes of the rows of matrices, widened exactly to float32. They are copied to Java
 * arrays first: a mapping of a file that shrinks ends a copy in an error, but a compiled loop in a
 * crash.
 */
final class MagnitudeRows {
  /** Rows of a transposed matrix that are copied together, since they share cache lines. */
  private static final int PANEL = 64;

  private MagnitudeRows() {}

  /** Returns the matrix if its rows are dense, or a copy that lasts as long as the arena. */
  static WeightMatrix dense(WeightMatrix matrix, Arena arena) {
    if (matrix.hasDenseRows()) {
      return matrix;
    }
    int bytes = matrix.dtype().bytes();
    WeightMatrix copy =
        WeightMatrix.of(
            arena.allocate(matrix.elements() * bytes),
            matrix.dtype(),
            matrix.rows(),
            matrix.columns());
    for (int first = 0; first < matrix.rows(); first += PANEL) {
      int end = Math.min(matrix.rows(), first + PANEL);
      for (int column = 0; column < matrix.columns(); column++) {
        for (int row = first; row < end; row++) {
          MemorySegment.copy(
              matrix.data(),
              matrix.byteOffset(row, column),
              copy.data(),
              copy.byteOffset(row, column),
              bytes);
        }
      }
    }
    return copy;
  }

  /** Reads a row; refuses what is NaN or infinite. */
  static void read(WeightMatrix matrix, int row, float[] magnitudes) {
    FiniteWeights.read(matrix, row, magnitudes);
    for (int c = 0; c < magnitudes.length; c++) {
      magnitudes[c] = Math.abs(magnitudes[c]);
    }
  }

  /** Takes a row's magnitudes, which it may change. */
  interface Body {
    void take(int row, float[] magnitudes);
  }

  /** Reads all rows, so many at a time by a worker; refuses what is NaN or infinite. */
  static void each(WeightMatrix matrix, WorkerPool workers, int grain, Body body) {
    workers.runRanges(
        matrix.rows(),
        grain,
        (worker, from, to) -> {
          float[] magnitudes = new float[matrix.columns()];
          for (int row = from; row < to; row++) {
            read(matrix, row, magnitudes);
            body.take(row, magnitudes);
          }
        });
  }
}
