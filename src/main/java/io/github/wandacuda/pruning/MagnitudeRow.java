package io.github.wandacuda.pruning;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The magnitudes of one row of a matrix at a time, widened exactly to float32. They are copied to
 * Java arrays first: a mapping of a file that shrinks ends a copy in an error, but a compiled loop
 * in a crash.
 */
final class MagnitudeRow {
  /** Rows of a transposed matrix that are copied together, since they share cache lines. */
  private static final int PANEL = 64;

  private final float[] magnitudes;

  /** Makes room for rows of so many columns. */
  MagnitudeRow(int columns) {
    magnitudes = new float[columns];
  }

  /**
   * Returns a matrix whose rows are dense: the same one, or a copy of a transposed one.
   *
   * @param arena how long the copy lasts
   */
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

  /**
   * Reads a row.
   *
   * @param matrix with as many columns as this was made for
   * @return its magnitudes, until the next call
   * @throws NonFiniteWeightException if one is NaN or infinite
   */
  float[] read(WeightMatrix matrix, int row) {
    FiniteWeights.read(matrix, row, magnitudes);
    for (int c = 0; c < magnitudes.length; c++) {
      magnitudes[c] = Math.abs(magnitudes[c]);
    }
    return magnitudes;
  }
}
