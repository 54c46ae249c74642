package io.github.wandacuda.simd;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.RowPruner;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import java.lang.foreign.MemorySegment;

/**
 * Prunes the lower half of each group of four or eight 16-bit elements, 2:4 and 4:8. No other group
 * matters to what a group loses, so {@link LowestHalves} passes over a row just once, while the row
 * comes from memory: it compares the upper halves of the scores' bits and clears the elements that
 * these decide about. About one group in a hundred has equal upper halves at the threshold; it is
 * decided element by element afterwards. If there are many such groups, this row and some after it
 * are left to a pruner that compares whole scores.
 */
public final class GroupHalfPruner extends RowPruner {
  private static final int FOUR = 4;
  private static final int EIGHT = 8;

  /** At most one in so many groups is decided element by element. */
  private static final int GROUPS_PER_TIE = 16;

  /**
   * After a row that was left to whole scores, so many are left to them without another attempt.
   */
  private static final int PAUSE = 15;

  private final int columns;
  private final TiedGroups ties;
  private final RowPruner whole;
  private final RowPass[] halve;
  private boolean finite;
  private int pause;

  /**
   * Prepares rows.
   *
   * @param dtype one of 16 bits
   * @param columns a multiple of {@code size}
   * @param norms a norm for each column
   * @param size 4 or 8
   * @param whole prunes rows by the same rule, by whole scores
   */
  public GroupHalfPruner(DType dtype, int columns, float[] norms, int size, RowPruner whole) {
    this.columns = columns;
    this.whole = whole;
    ties = new TiedGroups(dtype, columns, norms, size, 2 + columns / size / GROUPS_PER_TIE);
    float[] arranged = KeyLayout.of(dtype, columns).arranged(norms);
    halve = new RowPass[] {size == FOUR ? fours(dtype, arranged) : eights(dtype, arranged)};
  }

  private RowPass fours(DType dtype, float[] norms) {
    return dtype == DType.BF16
        ? (memory, at, kept) -> finite = LowestHalves.clearFours(memory, at, true, norms, kept)
        : (memory, at, kept) -> finite = LowestHalves.clearFours(memory, at, false, norms, kept);
  }

  private RowPass eights(DType dtype, float[] planes) {
    float[] norms = LowestHalves.arranged(planes);
    return dtype == DType.BF16
        ? (memory, at, kept) -> finite = LowestHalves.clearEights(memory, at, true, norms, kept)
        : (memory, at, kept) -> finite = LowestHalves.clearEights(memory, at, false, norms, kept);
  }

  /** Returns whether a rule prunes half of groups of four or eight elements of 16 bits. */
  public static boolean serves(DType dtype, LowestPerGroup rule) {
    boolean fits = rule.size() == FOUR || rule.size() == EIGHT;
    return fits && dtype != DType.F32 && 2 * rule.pruned() == rule.size();
  }

  @Override
  public int prune(MemorySegment memory, long at, long[] kept) {
    if (pause > 0) {
      pause--;
      return pruneWhole(memory, at, kept);
    }
    RowPass.runAll(halve, memory, at, kept);
    if (!finite) {
      return NON_FINITE;
    }
    RowMaskWriter.trim(columns, kept);
    if (!ties.breakTies(memory, at, kept)) {
      pause = PAUSE;
      return pruneWhole(memory, at, kept);
    }
    zeros = columns / 2 + ties.zeros();
    return columns / 2;
  }

  /**
   * Prunes a row by whole scores. Elements that are cleared already have the lowest scores of their
   * groups, so they are pruned again.
   */
  private int pruneWhole(MemorySegment memory, long at, long[] kept) {
    int pruned = whole.prune(memory, at, kept);
    zeros = whole.zeros();
    return pruned;
  }

  @Override
  public boolean passesOnce() {
    return true;
  }
}
