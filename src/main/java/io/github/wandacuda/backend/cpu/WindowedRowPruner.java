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
 * Prunes rows whose thresholds are near those of the rows before. {@link ColumnThresholds} of a
 * score somewhat lower count how many elements are below it, and from there the threshold can't be
 * far: what is below is cleared, and the few elements in a window above are told apart by whole
 * scores. The windows' ends are multiples of a step, so that rows share tables.
 */
final class WindowedRowPruner {
  /** A step holds about one of so many of a row's elements. */
  private static final int STEPS = 256;

  private static final int LEAST_IN_STEP = 20;

  /** Steps are powers of two; these are their logarithms. */
  private static final int LEAST_STEP = 8;

  private static final int MOST_STEP = 22;

  /** Counting again from nearer by takes about as long as telling apart so many elements. */
  private static final int NEAR = 64;

  /** What takes time, in columns that are counted; {@link LowestOfRow} takes eight a column. */
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
   * Learns from a row that was pruned otherwise.
   *
   * @param sharing how many of its elements share the threshold's upper half
   */
  void start(int threshold, int sharing) {
    trend.start(threshold, sharing);
  }

  /** Forgets columns' thresholds, as rows have other scales. */
  void forget() {
    tables.forget();
  }

  /** Prunes a row, after the start. */
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

  /** Returns what the last row took, in columns that are counted. */
  long cost() {
    return cost + (long) TABLE_COST * columns * tables.takeMade();
  }

  /**
   * Finds a score that at most as many elements are below as are wanted, but hardly fewer; returns
   * whether it did.
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
   * Where so many elements are expected there may well be so many more or fewer: 2.2 deviations.
   */
  private static double spare(int expected) {
    return 2.2 * Math.sqrt(expected) + 3;
  }

  private int down(double score) {
    return (int) Math.clamp(score, 1 << step, Scores.INFINITY) & -(1 << step);
  }

  private int up(double score) {
    return (int) Math.min(score + (1 << step), Scores.INFINITY) & -(1 << step);
  }

  /** Keeps a step as long as it is about right, since another one needs other tables. */
  private void chooseStep() {
    int right = Math.clamp(Math.getExponent(inStep / trend.density()), LEAST_STEP, MOST_STEP);
    if (step < right - 1 || step > right + 1) {
      step = right;
    }
  }

  /**
   * Where the thresholds of a matrix's rows were, in bits of scores: about their mean, how far they
   * are from it, and how many elements there are to a bit around it.
   */
  private static final class ThresholdTrend {
    /** A share of 1 / 2^n of each row's is taken. */
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

    /** Returns a score that the next row's threshold is not below, three times of four. */
    long low() {
      return centre - error + (error >> 2);
    }

    /** Returns how many elements there are to a bit. */
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
   * The {@link ColumnThresholds} of scores that were asked for before, as those of neighbouring
   * rows are mostly the same. A score has one place, shared with those a number of steps away.
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
}
