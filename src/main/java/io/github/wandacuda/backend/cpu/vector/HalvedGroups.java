package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.SelectionRule.LowestPerGroup;
import io.github.wandacuda.backend.cpu.RowElements;
import io.github.wandacuda.backend.cpu.RowPruner;
import io.github.wandacuda.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;

/**
 * Prunes the lower half of each group of four or eight 16-bit elements, 2:4 and 4:8, in short
 * passes:
 *
 * <ol>
 *   <li>{@link PairedKeys} are the upper halves of the scores' bits.
 *   <li>{@link HalfLimits} are the highest that go.
 *   <li>The one group in a hundred where keys are equal at the limit is looked at element by
 *       element. If many are such, the row is left to a pruner that compares whole scores, and so
 *       are the next ones.
 * </ol>
 */
final class HalvedGroups implements RowPruner {
  private static final int FOUR = 4;
  private static final int EIGHT = 8;

  /** One of so many groups may be looked at element by element, which takes far longer. */
  private static final int GROUPS_PER_TIE = 16;

  /** Rows that are left to whole scores after one that had to be. */
  private static final int PAUSE = 15;

  private final DType dtype;
  private final int columns;
  private final int size;
  private final float[] norms;
  private final PairedKeys keys;
  private final NextRow next;
  private final HalfLimits limits;
  private final KeptBits bits;
  private final RowPruner whole;
  private final RowPass[] passes;
  private int pause;
  private int zeros;

  /**
   * Prepares rows.
   *
   * @param dtype one of 16 bits
   * @param columns a multiple of {@code size}
   * @param size 4 or 8
   * @param whole prunes rows by the same rule
   */
  HalvedGroups(DType dtype, int columns, float[] norms, int size, RowPruner whole) {
    this.dtype = dtype;
    this.columns = columns;
    this.size = size;
    this.norms = norms;
    this.whole = whole;
    keys = new PairedKeys(dtype, columns, norms, size / 2);
    next = new NextRow((long) columns * dtype.bytes());
    limits = new HalfLimits(keys, size, next);
    bits = new KeptBits(new Places(dtype, columns), next);
    passes =
        Stream.of(keys.passes(), limits.passes()).flatMap(List::stream).toArray(RowPass[]::new);
  }

  /** Returns whether a rule is one of those that this prunes by. */
  static boolean serves(DType dtype, LowestPerGroup rule) {
    boolean fits = rule.size() == FOUR || rule.size() == EIGHT;
    return fits && dtype != DType.F32 && 2 * rule.pruned() == rule.size();
  }

  @Override
  public int prune(MemorySegment memory, long at, long[] kept) {
    if (pause > 0) {
      pause--;
      return pruneWhole(memory, at, kept);
    }
    next.follow(memory, at);
    for (RowPass pass : passes) {
      pass.run(memory, at);
    }
    if (!keys.areFinite()) {
      return NON_FINITE;
    }
    zeros = columns / 2;
    if (!settle(memory, at)) {
      pause = PAUSE;
      return pruneWhole(memory, at, kept);
    }
    System.arraycopy(limits.above(), 0, kept, 0, kept.length);
    KeptBits.trim(columns, kept);
    bits.apply(kept, memory, at);
    return columns / 2;
  }

  private int pruneWhole(MemorySegment memory, long at, long[] kept) {
    int pruned = whole.prune(memory, at, kept);
    zeros = whole.zeros();
    return pruned;
  }

  /** Settles the groups whose keys are equal at the limit; returns false if they are too many. */
  private boolean settle(MemorySegment memory, long at) {
    long[] ties = limits.ties();
    int left = 2 + columns / size / GROUPS_PER_TIE;
    for (int vector = 0; vector < ties.length; vector++) {
      for (long lanes = ties[vector]; lanes != 0; lanes &= lanes - 1) {
        int column = limits.column(vector, Long.numberOfTrailingZeros(lanes));
        if (column < columns) {
          if (left == 0) {
            return false;
          }
          left--;
          settle(memory, at, column);
        }
      }
    }
    return true;
  }

  /** Lets the highest of those that go stay, until half of the group does. */
  private void settle(MemorySegment memory, long at, int column) {
    int group = (1 << size) - 1;
    int word = column / Long.SIZE;
    long stays = limits.above()[word] >>> column & group;
    while (Long.bitCount(stays) < size / 2) {
      int highest = -1;
      int score = -1;
      for (long left = ~stays & group; left != 0; left &= left - 1) {
        int place = column + Long.numberOfTrailingZeros(left);
        int other = score(memory, at, place);
        if (other >= score) {
          highest = place;
          score = other;
        }
      }
      stays |= 1L << highest - column;
      zeros += RowElements.magnitude(dtype, memory, at, highest) == 0 ? 1 : 0;
    }
    limits.above()[word] |= stays << column;
  }

  private int score(MemorySegment memory, long at, int column) {
    int magnitude = RowElements.magnitude(dtype, memory, at, column);
    return Float.floatToRawIntBits(Float.intBitsToFloat(magnitude) * norms[column]);
  }

  @Override
  public int zeros() {
    return zeros;
  }
}
