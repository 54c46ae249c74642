package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.system.WorkerPool;

/** The magnitudes of the rows of a float32 matrix whose weights are finite. */
final class MagnitudeRows {
  private MagnitudeRows() {}

  /**
   * Reads a row.
   *
   * @param magnitudes takes one for each column
   */
  static void read(WeightMatrix matrix, int row, float[] magnitudes) {
    matrix.read(row, 0, magnitudes.length, magnitudes, 0);
    for (int c = 0; c < magnitudes.length; c++) {
      magnitudes[c] = Math.abs(magnitudes[c]);
    }
  }

  /** Takes a row's magnitudes, which it may change. */
  interface Body {
    void take(int row, float[] magnitudes);
  }

  /**
   * Reads all rows; each is handed over once, from whichever worker has read it.
   *
   * @param grain how many rows a worker takes at a time
   */
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
