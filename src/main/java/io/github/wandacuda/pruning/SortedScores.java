package io.github.wandacuda.pruning;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** The scores of each row of a matrix, |W| * norm, in ascending order; with their sums. */
final class SortedScores {
  /** Rows that a worker takes at a time. */
  static final int GRAIN = 16;

  private final WorkerPool workers;
  private final int columns;
  private final MemorySegment memory;
  private final double[] totals;
  private final float[] thresholds;

  private SortedScores(WorkerPool workers, int rows, int columns, MemorySegment memory) {
    this.workers = workers;
    this.columns = columns;
    this.memory = memory;
    totals = new double[rows];
    thresholds = new float[rows];
  }

  /**
   * Sorts.
   *
   * @param weights with dense rows
   * @param norms one for each column
   * @param arena how long the sorted scores are there
   * @throws io.github.wandacuda.NonFiniteWeightException if a weight is NaN or infinite
   */
  static SortedScores of(WeightMatrix weights, float[] norms, WorkerPool workers, Arena arena) {
    int columns = weights.columns();
    MemorySegment memory = arena.allocate(weights.elements() * Float.BYTES, Float.BYTES);
    SortedScores sorted = new SortedScores(workers, weights.rows(), columns, memory);
    MagnitudeRow[] rows = new MagnitudeRow[workers.count()];
    workers.runRanges(
        weights.rows(),
        GRAIN,
        (worker, from, to) -> {
          if (rows[worker] == null) {
            rows[worker] = new MagnitudeRow(columns);
          }
          for (int row = from; row < to; row++) {
            sorted.put(row, scores(rows[worker].read(weights, row), norms));
          }
        });
    return sorted;
  }

  /** Turns the magnitudes of a row into its scores, in their place. */
  static float[] scores(float[] magnitudes, float[] norms) {
    for (int c = 0; c < magnitudes.length; c++) {
      magnitudes[c] = Math.min(magnitudes[c] * norms[c], Float.MAX_VALUE);
    }
    return magnitudes;
  }

  private void put(int row, float[] scores) {
    Arrays.sort(scores);
    double total = 0;
    for (float score : scores) {
      total += score;
    }
    totals[row] = total;
    MemorySegment.copy(scores, 0, memory, ValueLayout.JAVA_FLOAT, at(row), columns);
  }

  private long at(int row) {
    return (long) row * columns * Float.BYTES;
  }

  /**
   * Finds each row's threshold for a level.
   *
   * @param alpha the share of a row's sum up to which the running sums count
   * @return the share of the matrix whose scores are at most their row's threshold
   */
  double prune(double alpha) {
    long[] pruned = new long[workers.count()];
    float[][] scores = new float[workers.count()][];
    workers.runRanges(
        totals.length,
        GRAIN,
        (worker, from, to) -> {
          if (scores[worker] == null) {
            scores[worker] = new float[columns];
          }
          for (int row = from; row < to; row++) {
            MemorySegment.copy(memory, ValueLayout.JAVA_FLOAT, at(row), scores[worker], 0, columns);
            pruned[worker] += prune(row, scores[worker], alpha * totals[row]);
          }
        });
    return (double) Arrays.stream(pruned).sum() / ((double) totals.length * columns);
  }

  private int prune(int row, float[] sorted, double most) {
    int count = 0;
    double sum = 0;
    while (count < columns && sum + sorted[count] <= most) {
      sum += sorted[count];
      count++;
    }
    if (count == 0) {
      thresholds[row] = -1;
      return 0;
    }
    thresholds[row] = sorted[count - 1];
    while (count < columns && sorted[count] == thresholds[row]) {
      count++;
    }
    return count;
  }

  /** Returns up to which score each row's weights go at the last level; less than 0 for none. */
  float[] thresholds() {
    return thresholds;
  }
}
