package io.github.wandacuda.pruning;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

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
final class WandaVariantMask implements MaskChooser {
  private static final double FIRST = 0.4;
  private static final double HIGHEST = 0.8;
  private static final double TOLERANCE = 0.001;

  private final WorkerPool workers;

  /** Makes a chooser that works on these threads. */
  public WandaVariantMask(WorkerPool workers) {
    this.workers = workers;
  }

  /**
   * Chooses a mask.
   *
   * @throws IllegalArgumentException also for a pattern
   */
  @Override
  public void choose(WeightMatrix weights, float[] norms, Sparsity sparsity, MemorySegment mask) {
    if (!(sparsity instanceof Sparsity.Ratio ratio)) {
      throw new IllegalArgumentException(
          "wanda-variant: expected a fraction, found the pattern " + sparsity);
    }
    SelectionRule rule = SelectionRule.of(sparsity, weights.columns());
    float[] checked = new SelectionArguments(DType.F32, weights.columns(), norms, rule).norms();
    SelectionArguments.checkMask(weights.rows(), weights.columns(), mask);
    if (weights.elements() == 0) {
      return;
    }
    try (Arena arena = Arena.ofShared()) {
      WeightMatrix dense = MagnitudeRow.dense(weights, arena);
      SortedScores sorted = SortedScores.of(dense, checked, workers, arena);
      float[] thresholds = thresholds(sorted, ratio.fraction());
      write(dense, checked, thresholds, mask);
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
    return sorted.thresholds();
  }

  private void write(WeightMatrix weights, float[] norms, float[] thresholds, MemorySegment mask) {
    int columns = weights.columns();
    long rowBytes = Selector.maskRowBytes(columns);
    MagnitudeRow[] rows = new MagnitudeRow[workers.count()];
    workers.runRanges(
        weights.rows(),
        SortedScores.GRAIN,
        (worker, from, to) -> {
          if (rows[worker] == null) {
            rows[worker] = new MagnitudeRow(columns);
          }
          for (int row = from; row < to; row++) {
            float[] scores = SortedScores.scores(rows[worker].read(weights, row), norms);
            write(scores, thresholds[row], mask.asSlice(row * rowBytes, rowBytes));
          }
        });
  }

  private static void write(float[] scores, float threshold, MemorySegment mask) {
    for (int first = 0; first < scores.length; first += Byte.SIZE) {
      int count = Math.min(Byte.SIZE, scores.length - first);
      int bits = 0;
      for (int bit = 0; bit < count; bit++) {
        bits |= (scores[first + bit] > threshold ? 1 : 0) << bit;
      }
      mask.set(ValueLayout.JAVA_BYTE, first / Byte.SIZE, (byte) bits);
    }
  }
}
