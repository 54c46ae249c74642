package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.scalar.RowPruner;
import io.github.wandacuda.simd.Candidates;
import io.github.wandacuda.simd.CodeRows;
import io.github.wandacuda.simd.KeyLayout;
import io.github.wandacuda.simd.RowMaskWriter;
import io.github.wandacuda.simd.RowPass;
import io.github.wandacuda.simd.Scores;
import io.github.wandacuda.simd.ThresholdPasses;
import io.github.wandacuda.simd.TiedKeys;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntSupplier;
import java.util.function.ObjIntConsumer;

/**
 * Prunes the lowest scores of each row of 16-bit elements without computing them: a row's threshold
 * is mostly near, or the same as, those of the rows before, and what a score is in each column's
 * own terms is known from there ({@link ColumnThresholds}). Rows where that doesn't help are left
 * to a pruner that scores all elements, and so are some after them.
 *
 * <p>For 4096 BF16 columns in a cache it takes 0.92 µs a row and {@link LowestOfRow} 1.03 (F16 0.93
 * and 1.15), with AVX2 1.3 and 1.8, with 128 bits 1.9 and 3.6; where many scores are tied 0.9 and
 * 1.7 to 2.3 (one thread of a Zen 4, loading the row included). Rows whose scales differ by a tenth
 * or more are left, which is found out by what they take.
 *
 * <p>FP8 and MXFP4 go the same way, by {@link CodeRows}: with two threads of that Zen 4, 4096
 * columns of either from memory as fast as those of BF16, 11008 of FP8 1.1 to 1.5 times as fast.
 */
final class LowestByThresholds extends RowPruner {
  /**
   * Shorter rows are scored quickly, and their thresholds vary too much to predict one from
   * another.
   */
  private static final int LEAST_COLUMNS = 512;

  /**
   * After a row that couldn't be pruned by thresholds, so many are scored without another attempt.
   */
  private static final int PAUSE = 15;

  /** The same if thresholds took longer than scoring, as rows differ too much. */
  private static final int LONG_PAUSE = 1023;

  /** The time of scoring an element, in the unit of {@link WindowedRowPruner#cost}. */
  private static final int WHOLE_COST = 8;

  /** The time of scoring a code: twice as many are counted at a time, but each is widened first. */
  private static final int WHOLE_COST_OF_CODES = 40;

  /**
   * How much longer than scoring thresholds may take at first, while tables are made, in rows; and
   * after a long pause.
   */
  private static final int FIRST_CREDIT = 250;

  private static final int NEXT_CREDIT = 60;

  /** How an attempt to prune a row by thresholds ended. */
  enum Outcome {
    PRUNED,
    /**
     * It has to be pruned by scores. Elements may be cleared already, but none that will be kept.
     */
    LEFT,
    /** It holds a NaN or an infinity, and is as it was. */
    NON_FINITE
  }

  private final DType dtype;
  private final int columns;
  private final Candidates few;
  private final CodeRows codes;
  private final int wanted;
  private final ColumnThresholds thresholds;
  private final ThresholdPasses passes;
  private final LowestOfRow whole;
  private final WindowedRowPruner windowed;
  private final TiedRowPruner tied;
  private boolean isTied;
  private boolean begun;
  private int pause;
  private long credit;
  private int byThresholds;

  /**
   * Prepares rows.
   *
   * @param dtype a type of 16 bits, or F32 for codes
   * @param norms a norm for each column
   * @param wanted how many elements of a row are pruned: some, but not all
   * @param whole prunes rows by the same rule, by scoring all elements
   */
  public LowestByThresholds(
      DType dtype, int columns, float[] norms, int wanted, LowestOfRow whole) {
    this.dtype = dtype;
    this.columns = columns;
    this.wanted = wanted;
    this.whole = whole;
    codes = dtype == DType.F32 ? new CodeRows(norms) : null;
    few = new Candidates(dtype, norms, codes);
    thresholds = new ColumnThresholds(dtype, norms);
    passes = new ThresholdPasses(dtype, columns);
    RowMaskWriter bits = new RowMaskWriter(KeyLayout.of(dtype, columns));
    ObjIntConsumer<short[]> writing = codes == null ? thresholds::write : codes::thresholds;
    windowed = new WindowedRowPruner(writing, passes, few, columns, wanted);
    credit = FIRST_CREDIT * wholeCost();
    tied = new TiedRowPruner(bits);
  }

  /**
   * Returns whether rows can be pruned by thresholds; rows of F32 only as codes.
   *
   * @param wanted how many elements of a row are pruned
   */
  public static boolean serves(int columns, int wanted) {
    boolean some = wanted > 0 && wanted < columns;
    return columns >= LEAST_COLUMNS && some;
  }

  @Override
  public int prune(MemorySegment memory, long at, long[] kept) {
    IntSupplier other = () -> whole.prune(memory, at, kept);
    return codes == null ? prune(memory, at, kept, other) : pruneWhole(other);
  }

  @Override
  public int prune(QuantizedMatrix matrix, int row, long[] kept) {
    IntSupplier other = () -> whole.prune(matrix, row, kept);
    if (pause == 0 && !codes.load(matrix, row)) {
      return pruneWhole(other);
    }
    if (codes.takeChanged()) {
      windowed.forget();
    }
    return prune(codes.memory(), 0, kept, other);
  }

  /**
   * Prunes a row by thresholds, or by scores during a pause or if thresholds fail.
   *
   * @param other prunes the row by scores
   */
  private int prune(MemorySegment memory, long at, long[] kept, IntSupplier other) {
    if (pause > 0) {
      pause--;
      int pruned = pruneWhole(other);
      if (pause == 0 && pruned != NON_FINITE) {
        learn();
      }
      return pruned;
    }
    if (!begun) {
      begun = true;
      begin(SortedThreshold.of(few, memory, at, columns, wanted));
    }
    Outcome outcome = isTied ? tied.prune(memory, at, kept) : pruneWindowed(memory, at, kept);
    if (outcome == Outcome.NON_FINITE) {
      return NON_FINITE;
    }
    if (outcome == Outcome.LEFT) {
      pause = Math.max(pause, PAUSE);
      return pruneWhole(other);
    }
    byThresholds++;
    RowMaskWriter.trim(columns, kept);
    // Scores of zero are the lowest: where one above them is pruned, all of them are.
    boolean above = !isTied || tied.threshold() > 0;
    zeros = above ? wanted : Scores.zeros(dtype, memory, at, columns);
    return wanted;
  }

  /** Starts with the threshold of the first row. */
  private void begin(SortedThreshold first) {
    isTied = codes == null && first.equal() > RowMaskWriter.MOST_LISTED;
    if (isTied) {
      tied.learn(first.score());
    } else {
      windowed.start(first.score(), first.sharing());
    }
  }

  /**
   * Prunes a row by thresholds, and pauses them for long once they have taken longer than scores
   * would have.
   */
  private Outcome pruneWindowed(MemorySegment memory, long at, long[] kept) {
    Outcome outcome = windowed.prune(memory, at, kept);
    long saved = outcome == Outcome.PRUNED ? wholeCost() : 0;
    credit = Math.min(credit + saved - windowed.cost(), FIRST_CREDIT * wholeCost());
    if (credit < 0) {
      credit = NEXT_CREDIT * wholeCost();
      pause = LONG_PAUSE;
    }
    return outcome;
  }

  /** Returns the time of scoring a row, in the unit of {@link WindowedRowPruner#cost}. */
  private long wholeCost() {
    return (long) (codes == null ? WHOLE_COST : WHOLE_COST_OF_CODES) * columns;
  }

  /** Prunes a row by scores. */
  private int pruneWhole(IntSupplier other) {
    int pruned = other.getAsInt();
    zeros = whole.zeros();
    return pruned;
  }

  /**
   * Learns from the last row of a pause; not from every row, since thresholds of ties take time to
   * make.
   */
  private void learn() {
    isTied = codes == null && whole.isTied();
    if (isTied) {
      tied.learn(whole.tiedThreshold());
    } else {
      windowed.start(whole.threshold(), whole.sharing());
    }
  }

  /** Returns how many rows were pruned by thresholds. */
  int byThresholds() {
    return byThresholds;
  }

  /**
   * Prunes rows whose threshold is a score that very many elements have, as in rows of few
   * different values or of many zeros, and that rows before had, too. All elements below it are
   * pruned, and of those that have it the ones in the lowest columns.
   */
  private final class TiedRowPruner {
    private static final int MOST = 4;

    /**
     * A score that many elements share.
     *
     * @param score its bits
     * @param lower its {@link ColumnThresholds}
     * @param upper those of the next higher number
     */
    private record Tie(int score, short[] lower, short[] upper) {}

    private final RowPass[] apply;
    private final List<Tie> highestFirst = new ArrayList<>();
    private int threshold;

    TiedRowPruner(RowMaskWriter bits) {
      apply = new RowPass[] {(memory, at, kept) -> bits.apply(kept, memory, at)};
    }

    /**
     * Learns a score that was a row's threshold. If there are too many scores already, they are
     * forgotten first.
     */
    void learn(int score) {
      boolean known = highestFirst.stream().anyMatch(tie -> tie.score == score);
      if (known || score >= Scores.INFINITY) {
        return;
      }
      if (highestFirst.size() == MOST) {
        highestFirst.clear();
      }
      short[] lower = new short[CpuSelectKernels.padded(columns)];
      short[] upper = new short[lower.length];
      thresholds.write(lower, score);
      thresholds.write(upper, score + 1);
      highestFirst.add(new Tie(score, lower, upper));
      highestFirst.sort(Comparator.comparingInt(Tie::score).reversed());
    }

    Outcome prune(MemorySegment memory, long at, long[] kept) {
      for (Tie tie : highestFirst) {
        int below = passes.below(memory, at, kept, tie.lower);
        if (below == ThresholdPasses.NON_FINITE) {
          return Outcome.NON_FINITE;
        }
        if (below <= wanted) {
          int tied = passes.clear(memory, at, kept, tie.lower, tie.upper);
          if (below + tied < wanted) {
            return Outcome.LEFT;
          }
          threshold = tie.score;
          takeLowest(wanted - below, memory, at, kept);
          return Outcome.PRUNED;
        }
      }
      return Outcome.LEFT;
    }

    /** Returns the threshold of the row pruned last. */
    int threshold() {
      return threshold;
    }

    /**
     * Prunes the first of the elements that have the threshold's score.
     *
     * @param count how many
     */
    private void takeLowest(int count, MemorySegment memory, long at, long[] kept) {
      long[] inside = passes.inside();
      int left = count;
      for (int word = 0; word < kept.length; word++) {
        long pruned = TiedKeys.lowest(inside[word], left);
        left -= Long.bitCount(pruned);
        kept[word] &= ~pruned;
      }
      RowPass.runAll(apply, memory, at, kept);
    }
  }

  /**
   * The threshold of a matrix's first row, found by sorting in plain Java. {@link LowestOfRow}
   * would find it too, but with one row a matrix it would not be compiled before hundreds of
   * matrices are pruned, and takes milliseconds a row as long: 0.6 s of 4.5 for a checkpoint of 3
   * GiB.
   *
   * @param score the lowest score that is kept, as bits
   * @param equal how many elements have it
   * @param sharing about how many elements there are in as many bits as scores with the same upper
   *     half are apart
   */
  private record SortedThreshold(int score, int equal, int sharing) {
    private static final int REACH = 8;

    /**
     * Finds a row's threshold.
     *
     * @param wanted how many go, fewer than there are
     */
    static SortedThreshold of(
        Candidates few, MemorySegment memory, long at, int columns, int wanted) {
      int[] scores = new int[columns];
      for (int column = 0; column < scores.length; column++) {
        scores[column] = few.score(memory, at, column);
      }
      Arrays.sort(scores);
      int threshold = scores[wanted];
      int equal = 0;
      int near = 0;
      for (int score : scores) {
        equal += score == threshold ? 1 : 0;
        near += Math.abs((long) score - threshold) < (long) REACH << Short.SIZE ? 1 : 0;
      }
      return new SortedThreshold(threshold, equal, near / (2 * REACH));
    }
  }
}
