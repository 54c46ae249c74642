package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.cpu.RowPruner;
import io.github.wandacuda.tensor.DType;
import java.lang.foreign.MemorySegment;

/**
 * Prunes the lowest scores of each row of 16-bit elements without computing them: a row's limit is
 * mostly near, or the same as, those of the rows before, and what a score is in each column's own
 * terms is known from there ({@link ColumnLimits}). Rows where that doesn't help are left to a
 * pruner that scores all elements, and so are some after them.
 *
 * <p>For 4096 BF16 columns in a cache it takes 0.92 µs a row and {@link LowestOfRow} 1.03 (F16 0.93
 * and 1.15), with AVX2 1.3 and 1.8, with 128 bits 1.9 and 3.6; where many scores are tied 0.9 and
 * 1.7 to 2.3 (one thread of a Zen 4, loading the row included). Rows whose scales differ by a tenth
 * or more are left, which is found out by what they take.
 */
final class LowestByLimits implements RowPruner {
  /** Shorter rows are soon scored, and have no limit that others come near to. */
  private static final int LEAST_COLUMNS = 512;

  /** Rows that are left after one that had to be. */
  private static final int PAUSE = 15;

  /** Rows that are left where it takes longer than scoring all, as they differ too much. */
  private static final int LONG_PAUSE = 1023;

  /** What scoring all elements of a row takes, in {@link WindowedRow#cost}. */
  private static final int WHOLE_COST = 8;

  /** In rows, how much longer it may take at first, as tables are made, and after a long pause. */
  private static final int FIRST_CREDIT = 250;

  private static final int NEXT_CREDIT = 60;

  private final DType dtype;
  private final int columns;
  private final float[] norms;
  private final int wanted;
  private final LowestOfRow whole;
  private final WindowedRow windowed;
  private final TiedRow tied;
  private boolean isTied;
  private boolean begun;
  private int pause;
  private long credit;
  private int byLimits;
  private int zeros;

  /**
   * Prepares rows.
   *
   * @param dtype one of 16 bits
   * @param wanted how many go, some but not all
   * @param whole prunes rows by the same rule
   */
  LowestByLimits(DType dtype, int columns, float[] norms, int wanted, LowestOfRow whole) {
    this.dtype = dtype;
    this.columns = columns;
    this.norms = norms;
    this.wanted = wanted;
    this.whole = whole;
    ColumnLimits limits = new ColumnLimits(dtype, norms);
    LimitPasses passes = new LimitPasses(dtype, columns);
    KeptBits bits = new KeptBits(new Places(dtype, columns));
    LimitTables tables = new LimitTables(limits, columns);
    windowed = new WindowedRow(tables, passes, new FewScores(dtype, norms), columns, wanted);
    credit = FIRST_CREDIT * wholeCost();
    tied = new TiedRow(limits, passes, bits, columns, wanted);
  }

  /** Returns whether rows are of those that this prunes. */
  static boolean serves(DType dtype, int columns, int wanted) {
    boolean some = wanted > 0 && wanted < columns;
    return dtype != DType.F32 && columns >= LEAST_COLUMNS && some;
  }

  @Override
  public int prune(MemorySegment memory, long at, long[] kept) {
    if (pause > 0) {
      pause--;
      int pruned = pruneWhole(memory, at, kept);
      if (pause == 0 && pruned != NON_FINITE) {
        learn();
      }
      return pruned;
    }
    if (!begun) {
      begun = true;
      begin(SortedLimit.of(dtype, memory, at, norms, wanted));
    }
    RowOutcome outcome = isTied ? tied.prune(memory, at, kept) : pruneWindowed(memory, at, kept);
    if (outcome == RowOutcome.NON_FINITE) {
      return NON_FINITE;
    }
    if (outcome == RowOutcome.LEFT) {
      pause = Math.max(pause, PAUSE);
      return pruneWhole(memory, at, kept);
    }
    byLimits++;
    KeptBits.trim(columns, kept);
    // Scores of zero are the lowest: where one above them goes, all of them do.
    boolean above = !isTied || tied.limit() > 0;
    zeros = above ? wanted : ZeroCounts.count(dtype, memory, at, columns);
    return wanted;
  }

  private void begin(SortedLimit first) {
    isTied = first.equal() > KeptBits.MOST_LISTED;
    if (isTied) {
      tied.learn(first.score());
    } else {
      windowed.start(first.score(), first.sharing());
    }
  }

  private RowOutcome pruneWindowed(MemorySegment memory, long at, long[] kept) {
    RowOutcome outcome = windowed.prune(memory, at, kept);
    long saved = outcome == RowOutcome.PRUNED ? wholeCost() : 0;
    credit = Math.min(credit + saved - windowed.cost(), FIRST_CREDIT * wholeCost());
    if (credit < 0) {
      credit = NEXT_CREDIT * wholeCost();
      pause = LONG_PAUSE;
    }
    return outcome;
  }

  private long wholeCost() {
    return (long) WHOLE_COST * columns;
  }

  private int pruneWhole(MemorySegment memory, long at, long[] kept) {
    int pruned = whole.prune(memory, at, kept);
    zeros = whole.zeros();
    return pruned;
  }

  /** Learns from the last row of a pause; not from each, as making limits of ties takes time. */
  private void learn() {
    isTied = whole.isTied();
    if (isTied) {
      tied.learn(whole.tiedLimit());
    } else {
      windowed.start(whole.limit(), whole.sharing());
    }
  }

  /** Returns how many rows were not left. */
  int byLimits() {
    return byLimits;
  }

  @Override
  public int zeros() {
    return zeros;
  }
}
