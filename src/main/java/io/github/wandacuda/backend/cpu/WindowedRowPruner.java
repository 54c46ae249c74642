package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.cpu.LowestByThresholds.Outcome;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.simd.Candidates;
import io.github.wandacuda.simd.Scores;
import io.github.wandacuda.simd.ThresholdPasses;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.ObjIntConsumer;

/**
 * Prunes rows whose thresholds are near those of the rows before. The {@link ColumnThresholds} of a
 * somewhat lower score count how many elements are below it; the row's threshold can't be far from
 * there. The elements below are cleared, and the few in a window above are compared by whole
 * scores. The windows' ends are multiples of a step, so that rows share tables.
 */
final class WindowedRowPruner {
  /** A step is as wide as to hold about one of so many of a row's elements. */
  private static final int STEPS = 256;

  private static final int LEAST_IN_STEP = 20;

  /** The binary logarithm of the smallest step; {@code MOST_STEP} is that of the largest. */
  private static final int LEAST_STEP = 8;

  private static final int MOST_STEP = 22;

  /** To count again from a nearer score takes about as long as comparing so many elements. */
  private static final int NEAR = 64;

  /**
   * Costs are in the time in which one column is counted: to clear a column, to make its threshold,
   * and to compare an element. {@link LowestOfRow} takes eight a column.
   */
  private static final int CLEAR_COST = 3;

  private static final int TABLE_COST = 85;
  private static final int LISTED_COST = 128;

  private static final int MOST_COUNTS = 4;
  private static final int MOST_CLEARS = 2;

  private final ThresholdTables tables;
  private final ThresholdPasses passes;
  private final Candidates few;
  private final ThresholdTrend trend = new ThresholdTrend();
  private final int columns;
  private final int wanted;
  private final int inStep;
  private int step = -1;
  private int low;
  private int below;
  private boolean finite;
  private long cost;

  /**
   * Prepares rows.
   *
   * @param thresholds writes the columns' thresholds of a score
   * @param passes counts and clears elements by thresholds
   * @param few compares elements by whole scores
   * @param wanted how many elements of a row are pruned
   */
  WindowedRowPruner(
      ObjIntConsumer<short[]> thresholds,
      ThresholdPasses passes,
      Candidates few,
      int columns,
      int wanted) {
    tables = new ThresholdTables(thresholds, columns);
    this.passes = passes;
    this.few = few;
    this.columns = columns;
    this.wanted = wanted;
    inStep = Math.max(LEAST_IN_STEP, columns / STEPS);
  }

  /**
   * Learns from a row that was pruned by scores.
   *
   * @param threshold its threshold, as a score's bits
   * @param sharing how many of its elements share the threshold's upper half
   */
  void start(int threshold, int sharing) {
    trend.start(threshold, sharing);
  }

  /** Forgets the columns' thresholds, since rows have other scales now. */
  void forget() {
    tables.forget();
  }

  /**
   * Prunes a row, after {@link #start}.
   *
   * @param kept receives a bit for each column, 1 if it is kept
   */
  Outcome prune(MemorySegment memory, long at, long[] kept) {
    cost = 0;
    chooseStep();
    finite = true;
    if (!findLow(memory, at, kept)) {
      return finite ? Outcome.LEFT : Outcome.NON_FINITE;
    }
    for (int clears = 0; clears < MOST_CLEARS; clears++) {
      int gap = wanted - below;
      int most = low + (tables.steps() << step);
      int high = Math.min(up(low + (gap + spare(gap)) / trend.density()), most);
      if (high <= low) {
        return Outcome.LEFT;
      }
      short[] lower = tables.of(low, step);
      short[] upper = tables.of(high, step);
      int inside = passes.clear(memory, at, kept, lower, upper);
      cost += (long) CLEAR_COST * columns;
      if (inside > Candidates.MOST) {
        return Outcome.LEFT;
      }
      if (inside >= gap) {
        cost += (long) LISTED_COST * inside;
        few.list(memory, at, passes.inside());
        int threshold = few.clearLowest(gap, low, high, memory, at, kept);
        trend.learn(threshold, inside, high - low);
        return Outcome.PRUNED;
      }
      low = high;
      below += inside;
    }
    return Outcome.LEFT;
  }

  /** Returns the time of the last row, in the time in which one column is counted. */
  long cost() {
    return cost + (long) TABLE_COST * columns * tables.takeMade();
  }

  /**
   * Finds a score below which there are at most as many elements as are wanted, but hardly fewer.
   */
  private boolean findLow(MemorySegment memory, long at, long[] kept) {
    int next = down(trend.low());
    boolean found = false;
    for (int counts = 0; counts < MOST_COUNTS; counts++) {
      int counted = passes.below(memory, at, kept, tables.of(next, step));
      cost += columns;
      if (counted == ThresholdPasses.NON_FINITE) {
        finite = false;
        return false;
      }
      int gap = wanted - counted;
      if (gap >= 0) {
        found = true;
        low = next;
        below = counted;
      }
      int nearer = down(next + (gap - spare(Math.abs(gap))) / trend.density());
      boolean isNear = gap <= NEAR + inStep || nearer <= next;
      if (gap >= 0 ? isNear : found) {
        break;
      }
      next = gap >= 0 ? nearer : down(Math.min(nearer, next - (1 << step)));
    }
    return found;
  }

  /**
   * Returns how many more or fewer elements there may well be than are expected: 2.2 standard
   * deviations, and three.
   */
  private static double spare(int expected) {
    return 2.2 * Math.sqrt(expected) + 3;
  }

  /** Rounds a score down to a step. */
  private int down(double score) {
    return (int) Math.clamp(score, 1 << step, Scores.INFINITY) & -(1 << step);
  }

  /** Rounds a score up to a step. */
  private int up(double score) {
    return (int) Math.min(score + (1 << step), Scores.INFINITY) & -(1 << step);
  }

  /** Changes the step only if it is far from right, since another one needs other tables. */
  private void chooseStep() {
    int right = Math.clamp(Math.getExponent(inStep / trend.density()), LEAST_STEP, MOST_STEP);
    if (step < right - 1 || step > right + 1) {
      step = right;
    }
  }

  /**
   * The thresholds of a matrix's last rows, as bits of scores: their mean, their mean distance from
   * it, and how many elements there are to a bit around it.
   */
  private static final class ThresholdTrend {
    /** Averages move by 1 / 2^n of the distance to each row's value; this is n. */
    private static final int CENTRE_SHARE = 2;

    private static final int ERROR_SHARE = 3;
    private static final double DENSITY_SHARE = 0.125;
    private static final long FIRST_ERROR = 8L << Short.SIZE;

    private long centre;
    private long error;
    private double density;

    /** Starts with a row's threshold, and how many of its elements share its upper half. */
    void start(int threshold, int sharing) {
      centre = threshold;
      error = FIRST_ERROR;
      density = Math.max(1, sharing) / (double) (1 << Short.SIZE);
    }

    /** Returns a score that is below the next row's threshold three times out of four. */
    long low() {
      return centre - error + (error >> 2);
    }

    /** Returns how many elements there are to a bit around the mean. */
    double density() {
      return density;
    }

    /**
     * Learns from a row.
     *
     * @param count how many elements there are in {@code span} bits around it
     */
    void learn(int threshold, int count, int span) {
      error += (Math.abs(threshold - centre) - error) >> ERROR_SHARE;
      centre += (threshold - centre) >> CENTRE_SHARE;
      density += (Math.max(1, count) / (double) span - density) * DENSITY_SHARE;
    }
  }

  /**
   * The {@link ColumnThresholds} of scores that were asked for before, as neighbouring rows mostly
   * ask for the same. Each score has one place, which it shares with scores a certain number of
   * steps away.
   */
  private static final class ThresholdTables {
    private static final int MOST_BYTES = 1 << 20;
    private static final int MOST = 64;
    private static final int LEAST = 8;

    private final ObjIntConsumer<short[]> columnThresholds;
    private final short[][] thresholds;
    private final int[] scores;
    private final int length;
    private int made;

    ThresholdTables(ObjIntConsumer<short[]> columnThresholds, int columns) {
      this.columnThresholds = columnThresholds;
      length = CpuSelectKernels.padded(columns);
      int fitting = Integer.highestOneBit(MOST_BYTES / (Short.BYTES * length) | 1);
      thresholds = new short[Math.clamp(fitting, LEAST, MOST)][];
      scores = new int[thresholds.length];
      forget();
    }

    void forget() {
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
        columnThresholds.accept(thresholds[place], score);
        scores[place] = score;
        made++;
      }
      return thresholds[place];
    }

    /** Returns by how many steps at most two scores may differ without sharing a place. */
    int steps() {
      return thresholds.length - 1;
    }

    /** Returns how many tables were made since the last call. */
    int takeMade() {
      int count = made;
      made = 0;
      return count;
    }
  }
}
