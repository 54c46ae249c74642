package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Masks of the variant of Wanda in its code ({@code --use_variant}; arXiv 2306.11695, appendix).
 * Rows share a level α instead of a count, so that more is pruned of a row whose scores are
 * concentrated in few weights. With the scores |W| * norm of a row sorted, their running sums K and
 * their total T: c is how many K are at most α T; the row's threshold is the c-th lowest score, and
 * every score up to it is pruned, ties included.
 *
 * <p>α is searched for by bisection of [0, 0.8] from 0.4 on, until the pruned share of the matrix
 * is within 0.001 of what is asked, or the interval is shorter than that. Then the share is what it
 * is, without an error: since α stays below 0.8, high shares aren't reached.
 *
 * <p>At the edges: where even the lowest score is above α T, c is 0 and nothing of the row is
 * pruned (the original code fails). A row whose scores are all zero is pruned whole. A score that
 * overflows float32 counts as its largest number. Sums are in double, by ascending scores (the
 * original sums in the weights' type). There are no patterns.
 *
 * <p>Everything is computed by the CPU's threads; sorted scores of the module take 4 bytes a weight
 * off the heap meanwhile.
 */
public record WandaVariantMask(WorkerPool workers) {
  private static final double FIRST = 0.4;
  private static final double HIGHEST = 0.8;
  private static final double TOLERANCE = 0.001;

  /** Rows that a worker takes at a time. */
  private static final int GRAIN = 16;

  /**
   * Chooses a mask, the same to the bit for any number of threads.
   *
   * @param weights finite ones of float32
   * @param norms one for each input column
   * @param sparsity a share
   * @param mask takes the packed mask
   */
  public void choose(WeightMatrix weights, float[] norms, Sparsity sparsity, MemorySegment mask) {
    try (Arena arena = Arena.ofShared()) {
      SortedScores sorted = SortedScores.of(weights, norms, workers, arena);
      float[] thresholds = thresholds(sorted, ((Sparsity.Ratio) sparsity).fraction());
      write(weights, norms, thresholds, mask);
    }
  }

  /** Returns up to which score each row's weights go; less than 0 for none. */
  private static float[] thresholds(SortedScores sorted, double target) {
    double low = 0;
    double high = HIGHEST;
    double alpha = FIRST;
    double share = sorted.prune(alpha);
    while (Math.abs(share - target) > TOLERANCE && high - low >= TOLERANCE) {
      if (share > target) {
        high = alpha;
        alpha = (alpha + low) / 2;
      } else {
        low = alpha;
        alpha = (alpha + high) / 2;
      }
      share = sorted.prune(alpha);
    }
    return sorted.thresholds;
  }

  private void write(WeightMatrix weights, float[] norms, float[] thresholds, MemorySegment mask) {
    MagnitudeRows.each(
        weights,
        workers,
        GRAIN,
        (row, magnitudes) -> {
          float[] scores = scores(magnitudes, norms);
          boolean[] kept = new boolean[scores.length];
          for (int c = 0; c < kept.length; c++) {
            kept[c] = scores[c] > thresholds[row];
          }
          PackedMasks.write(kept, mask, row);
        });
  }

  /** Turns the magnitudes of a row into its scores, in the same array. */
  private static float[] scores(float[] magnitudes, float[] norms) {
    for (int c = 0; c < magnitudes.length; c++) {
      magnitudes[c] = Math.min(magnitudes[c] * norms[c], Float.MAX_VALUE);
    }
    return magnitudes;
  }

  /** The scores of each row of a matrix, |W| * norm, in ascending order; with their sums. */
  static final class SortedScores {
    private final WorkerPool workers;
    private final int columns;
    private final MemorySegment memory;
    private final double[] totals;

    /**
     * Up to which score each row's weights go, at the level of the last {@link #prune}; less than 0
     * for none.
     */
    final float[] thresholds;

    private SortedScores(WorkerPool workers, int rows, int columns, MemorySegment memory) {
      this.workers = workers;
      this.columns = columns;
      this.memory = memory;
      totals = new double[rows];
      thresholds = new float[rows];
    }

    /**
     * Sorts the scores of each row of a matrix.
     *
     * @param arena owns their memory, 4 bytes a weight
     */
    static SortedScores of(WeightMatrix weights, float[] norms, WorkerPool workers, Arena arena) {
      int columns = weights.columns();
      MemorySegment memory = arena.allocate(weights.elements() * Float.BYTES, Float.BYTES);
      SortedScores sorted = new SortedScores(workers, weights.rows(), columns, memory);
      MagnitudeRows.each(
          weights, workers, GRAIN, (row, magnitudes) -> sorted.put(row, scores(magnitudes, norms)));
      return sorted;
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
      workers.runRanges(
          totals.length,
          GRAIN,
          (worker, from, to) -> {
            float[] scores = new float[columns];
            for (int row = from; row < to; row++) {
              MemorySegment.copy(memory, ValueLayout.JAVA_FLOAT, at(row), scores, 0, columns);
              pruned[worker] += prune(row, scores, alpha * totals[row]);
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
  }
}
