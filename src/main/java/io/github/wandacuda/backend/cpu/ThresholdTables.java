package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.scalar.CpuSelectKernels;
import java.util.Arrays;

/**
 * The {@link ColumnThresholds} of scores that were asked for before, as those of neighbouring rows
 * are mostly the same. A score has one place, shared with those a number of steps away.
 */
final class ThresholdTables {
  private static final int MOST_BYTES = 1 << 20;
  private static final int MOST = 64;
  private static final int LEAST = 8;

  private final ColumnThresholds columnThresholds;
  private final short[][] thresholds;
  private final int[] scores;
  private final int length;
  private int made;

  ThresholdTables(ColumnThresholds columnThresholds, int columns) {
    this.columnThresholds = columnThresholds;
    length = CpuSelectKernels.padded(columns);
    int fitting = Integer.highestOneBit(MOST_BYTES / (Short.BYTES * length) | 1);
    thresholds = new short[Math.clamp(fitting, LEAST, MOST)][];
    scores = new int[thresholds.length];
    Arrays.fill(scores, -1);
  }

  /**
   * Returns the thresholds of a score.
   *
   * @param score its bits, a multiple of the step
   * @param step the step's binary logarithm
   */
  short[] of(int score, int step) {
    int place = score >>> step & thresholds.length - 1;
    if (scores[place] != score) {
      if (thresholds[place] == null) {
        thresholds[place] = new short[length];
      }
      columnThresholds.of(score, thresholds[place]);
      scores[place] = score;
      made++;
    }
    return thresholds[place];
  }

  /** Returns how many steps two scores may be apart to have different places. */
  int steps() {
    return thresholds.length - 1;
  }

  /** Returns how many were made since this was asked last. */
  int takeMade() {
    int count = made;
    made = 0;
    return count;
  }
}
