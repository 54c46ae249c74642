package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.SelectionRule.LowestPerGroup;
import io.github.wandacuda.backend.cpu.RowElements;
import io.github.wandacuda.backend.cpu.RowPruner;
import io.github.wandacuda.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Prunes the lower half of each group of four or eight 16-bit elements, 2:4 and 4:8, in short
 * passes:
 *
 * <ol>
 *   <li>{@link HighKeys} writes the upper halves of the scores' bits.
 *   <li>{@link FourVotes} or {@link EightLimits} tells which are above half of their group.
 *   <li>{@link KeptGroups} writes the row without the others.
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
  private final HighKeys high;
  private final NextRow next;
  private final KeptGroups groups;
  private final RowPruner whole;
  private final short[] keys;
  private final RowPass[] score;
  private final RowPass[] halve;
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
    Places places = new Places(dtype, columns);
    Planes planes = Planes.of(dtype, columns);
    next = new NextRow((long) columns * dtype.bytes());
    high = new HighKeys(places, planes, planes.arranged(norms));
    groups = new KeptGroups(columns, size, next);
    keys = new short[EightLimits.room(columns)];
    Arrays.fill(keys, HighKeys.PAD);
    score = new RowPass[] {(memory, at, kept) -> high.compute(memory, at, keys)};
    halve = size == FOUR ? ofFour() : ofEight();
  }

  private RowPass[] ofFour() {
    return new RowPass[] {
      (memory, at, kept) -> FourVotes.above(keys, kept),
      (memory, at, kept) -> groups.clear(kept, memory, at)
    };
  }

  private RowPass[] ofEight() {
    EightLimits limits = new EightLimits(columns);
    return new RowPass[] {
      (memory, at, kept) -> limits.find(keys),
      (memory, at, kept) -> limits.above(keys, kept),
      (memory, at, kept) -> groups.clear(kept, memory, at)
    };
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
    RowPass.runAll(score, memory, at, kept);
    if (!high.areFinite()) {
      return NON_FINITE;
    }
    RowPass.runAll(halve, memory, at, kept);
    KeptBits.trim(columns, kept);
    zeros = columns / 2;
    if (!settle(memory, at, kept)) {
      pause = PAUSE;
      return pruneWhole(memory, at, kept);
    }
    return columns / 2;
  }

  private int pruneWhole(MemorySegment memory, long at, long[] kept) {
    int pruned = whole.prune(memory, at, kept);
    zeros = whole.zeros();
    return pruned;
  }

  /** Settles the groups whose keys are equal at the limit; returns false if they are too many. */
  private boolean settle(MemorySegment memory, long at, long[] kept) {
    int allowed = 2 + columns / size / GROUPS_PER_TIE;
    for (int i = 0; i < groups.listed(); i++) {
      int word = groups.word(i);
      long goes = 0;
      for (long left = groups.groups(i); left != 0; left &= left - 1) {
        int first = Long.numberOfTrailingZeros(left);
        int column = word * Long.SIZE + first;
        if (column < columns) {
          if (allowed == 0) {
            return false;
          }
          allowed--;
          goes |= settle(memory, at, column, groups.above(i) >>> first) << first;
        }
      }
      kept[word] &= ~goes;
    }
    return true;
  }

  /**
   * Clears the lower half of a group.
   *
   * @param above one bit for each column, 1 for those that stay anyway
   * @return one bit for each column, 1 for those that go
   */
  private long settle(MemorySegment memory, long at, int column, long above) {
    long goes = ~above & (1L << size) - 1;
    while (Long.bitCount(goes) > size / 2) {
      long highest = 0;
      for (long left = goes; left != 0; left &= left - 1) {
        int place = Long.numberOfTrailingZeros(left);
        highest = Math.max(highest, (long) score(memory, at, column + place) << size | place);
      }
      int place = (int) highest & size - 1;
      goes ^= 1L << place;
      zeros += RowElements.magnitude(dtype, memory, at, column + place) == 0 ? 1 : 0;
    }
    for (long left = goes; left != 0; left &= left - 1) {
      RowElements.clear(dtype, memory, at, column + Long.numberOfTrailingZeros(left));
    }
    return goes;
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
