package io.github.wandacuda.simd;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.RowElements;
import java.lang.foreign.MemorySegment;

/**
 * Decides about the groups of a row of which less than half is cleared, since keys are equal there:
 * clears the elements with the lowest whole scores among the rest, of equal ones those in the
 * lowest columns.
 */
final class TiedGroups {
  private static final int FOUR = 4;
  private static final long PAIRS = 0x5555_5555_5555_5555L;
  private static final long FOURS = 0x3333_3333_3333_3333L;
  private static final long FIRST_OF_4 = 0x1111_1111_1111_1111L;
  private static final long FIRST_OF_8 = 0x0101_0101_0101_0101L;

  private final DType dtype;
  private final int columns;
  private final float[] norms;
  private final int size;
  private final int most;
  private int zeros;

  /**
   * Prepares rows.
   *
   * @param norms a norm for each column
   * @param size 4 or 8
   * @param most how many groups of a row may be such, as each takes far longer than another
   */
  TiedGroups(DType dtype, int columns, float[] norms, int size, int most) {
    this.dtype = dtype;
    this.columns = columns;
    this.norms = norms;
    this.size = size;
    this.most = most;
  }

  /**
   * Clears elements until half of each group is cleared.
   *
   * @param at where the row begins, in bytes
   * @param kept one bit for each column, 0 if it is cleared, never for more than half of a group;
   *     updated
   * @return false if there are too many such groups; some are left then
   */
  boolean breakTies(MemorySegment memory, long at, long[] kept) {
    zeros = 0;
    int groups = 0;
    for (int first = 0; first < kept.length; first += Long.SIZE) {
      for (long left = notHalved(kept, first); left != 0; left &= left - 1) {
        groups += breakTies(first + Long.numberOfTrailingZeros(left), memory, at, kept);
        if (groups > most) {
          return false;
        }
      }
    }
    return true;
  }

  /**
   * Returns one bit for each of up to 64 words from {@code first} on, 1 if it may have such groups.
   * A last word of fewer columns always may: half of its bits aren't half of its columns, so of 60
   * columns 30 that are kept and two that should not be look like half of 64.
   */
  private long notHalved(long[] kept, int first) {
    long found = RowMaskWriter.notHalf(kept, first);
    int last = kept.length - 1 - first;
    boolean isShort = last < Long.SIZE && columns % Long.SIZE != 0;
    return isShort ? found | 1L << last : found;
  }

  /**
   * Decides about the groups of a word of 64 columns.
   *
   * @return how many there are
   */
  private int breakTies(int word, MemorySegment memory, long at, long[] kept) {
    int groups = 0;
    for (long left = firsts(~kept[word]); left != 0; left &= left - 1) {
      int first = Long.numberOfTrailingZeros(left);
      int column = word * Long.SIZE + first;
      if (column < columns) {
        kept[word] &= ~(breakTies(memory, at, column, kept[word] >>> first) << first);
        groups++;
      }
    }
    return groups;
  }

  /** Returns how many zeros, beside cleared elements, are in the groups that were decided last. */
  int zeros() {
    return zeros;
  }

  /**
   * Decides about a group.
   *
   * @param column the group's first
   * @param kept one bit for each of its columns, 0 if it is cleared
   * @return one bit for each of its columns, 1 if it is cleared now
   */
  private long breakTies(MemorySegment memory, long at, int column, long kept) {
    long all = (1L << size) - 1;
    long keptOfGroup = kept & all;
    long lowest = Long.MAX_VALUE;
    while (Long.bitCount(keptOfGroup) > size / 2) {
      lowest = Long.MAX_VALUE;
      for (int place = 0; place < size; place++) {
        long prunedIsHighest = (keptOfGroup >>> place & 1) - 1 >>> 1;
        long value =
            (long) RowElements.score(dtype, memory, at, column + place, norms) << size | place;
        lowest = Math.min(lowest, value | prunedIsHighest);
      }
      int place = (int) lowest & size - 1;
      RowElements.clear(dtype, memory, at, column + place);
      keptOfGroup ^= 1L << place;
    }
    if (lowest >>> size == 0) {
      countZeros(memory, at, column, keptOfGroup);
    }
    return kept & all & ~keptOfGroup;
  }

  private void countZeros(MemorySegment memory, long at, int column, long keptOfGroup) {
    for (long left = keptOfGroup; left != 0; left &= left - 1) {
      int place = Long.numberOfTrailingZeros(left);
      zeros += RowElements.magnitude(dtype, memory, at, column + place) == 0 ? 1 : 0;
    }
  }

  /** Returns one bit for each group that has too few bits, at the place of its first column. */
  private long firsts(long bits) {
    return size == FOUR ? foursShort(bits) : eightsShort(bits);
  }

  private static long foursShort(long bits) {
    long pairs = bits - (bits >>> 1 & PAIRS);
    long counts = (pairs & FOURS) + (pairs >>> 2 & FOURS);
    return ~counts >>> 1 & FIRST_OF_4;
  }

  private static long eightsShort(long bits) {
    long pairs = bits - (bits >>> 1 & PAIRS);
    long fours = (pairs & FOURS) + (pairs >>> 2 & FOURS);
    return ~(fours + (fours >>> 4)) >>> 2 & FIRST_OF_8;
  }
}
