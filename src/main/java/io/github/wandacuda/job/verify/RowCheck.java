package io.github.wandacuda.job.verify;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.pruning.mask.RowWords;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Compares a row of a pruned matrix with the same row of its dense source, and computes the row's
 * mask. For one thread at a time.
 *
 * <p>The mask follows from the two rows alone. An element that changed was pruned. If the source
 * has zeros of its own, the mask prunes the first of them by column, as many as the rule asks for
 * in addition to the changed elements: a zero has the lowest score, and among equal scores the
 * lower column is pruned first. If no rule counts, or kept weights change, too, the mask prunes all
 * zeros of the result.
 */
public final class RowCheck {
  private final boolean zerosArePruned;
  private final int groupSize;
  private final int perGroup;
  private final int columns;
  private final RowWords before;
  private final RowWords after;

  /**
   * A bit for each column, 1 if it is zero; in {@code ownZeros} 1 if it was zero in the source,
   * too.
   */
  private final long[] zeros;

  private final long[] ownZeros;
  private final long[] kept;
  private final int bitWords;
  private boolean keepsOrZeroes;
  private boolean hasOwnZeros;

  /**
   * Prepares for matrices of a type.
   *
   * @param columns of the matrices
   * @param rule how many zeros each row or group has at least
   * @param zerosArePruned whether the mask prunes all zeros of the result
   */
  public RowCheck(DType dtype, int columns, SelectionRule.Lowest rule, boolean zerosArePruned) {
    this.zerosArePruned = zerosArePruned;
    groupSize = rule.groupSize(columns);
    perGroup = rule.perGroup();
    this.columns = columns;
    before = new RowWords(dtype, columns);
    after = new RowWords(dtype, columns);
    bitWords = Math.ceilDiv(columns, RowWords.BITS);
    zeros = new long[bitWords];
    ownZeros = new long[bitWords];
    kept = new long[bitWords];
  }

  /** Reads a row of both matrices, to which all other methods refer then. */
  public void read(WeightMatrix dense, WeightMatrix pruned, int row) {
    int beforeStart = before.read(dense, row);
    int afterStart = after.read(pruned, row);
    keepsOrZeroes = after.keepsOrZeroes(afterStart, before, beforeStart);
    hasOwnZeros = !before.hasNoZeros(beforeStart);
    int step = RowWords.BITS / after.lanes();
    for (int word = 0; word < bitWords; word++) {
      zeros[word] = after.zeros(afterStart + word * step);
    }
    if (hasOwnZeros) {
      for (int word = 0; word < bitWords; word++) {
        ownZeros[word] = zeros[word] & before.zeros(beforeStart + word * step);
      }
    }
    findKept();
  }

  private void findKept() {
    for (int word = 0; word < bitWords; word++) {
      kept[word] = ~zeros[word];
    }
    if (columns % RowWords.BITS != 0) {
      kept[bitWords - 1] &= BitGroups.range(0, columns % RowWords.BITS);
    }
    if (hasOwnZeros && !zerosArePruned) {
      for (int from = 0; from < columns; from += groupSize) {
        keepOwnZeros(from, Math.min(columns, from + groupSize));
      }
    }
  }

  /** Marks as kept all but the first of the source's own zeros in a group. */
  private void keepOwnZeros(int from, int to) {
    int own = BitGroups.count(ownZeros, from, to);
    int changed = BitGroups.count(zeros, from, to) - own;
    int pruned = perGroup - changed;
    if (own <= pruned) {
      return;
    }
    for (int column = from; column < to; column++) {
      long bit = 1L << column % RowWords.BITS;
      if ((ownZeros[column / RowWords.BITS] & bit) != 0 && --pruned < 0) {
        kept[column / RowWords.BITS] |= bit;
      }
    }
  }

  /** Returns whether every element is the source's, bit for bit, or +0.0. */
  boolean keepsOrZeroes() {
    return keepsOrZeroes;
  }

  /** Returns whether every group has at least the zeros that the rule asks for. */
  public boolean hasItsZeros() {
    if (groupSize >= columns) {
      return zeros() >= perGroup;
    }
    if (!BitGroups.fillWords(groupSize)) {
      for (int from = 0; from < columns; from += groupSize) {
        if (zeros(from) < perGroup) {
          return false;
        }
      }
      return true;
    }
    for (int word = 0; word < bitWords; word++) {
      int beyond = (word + 1) * RowWords.BITS - columns;
      long padding = beyond > 0 ? BitGroups.range(RowWords.BITS - beyond, beyond) : 0;
      if (!BitGroups.eachHas(zeros[word] | padding, groupSize, perGroup)) {
        return false;
      }
    }
    return true;
  }

  /** Returns the zeros of the row. */
  public int zeros() {
    return BitGroups.count(zeros);
  }

  /**
   * Returns the zeros of a group.
   *
   * @param from the group's first column
   */
  public int zeros(int from) {
    return BitGroups.count(zeros, from, Math.min(columns, from + groupSize));
  }

  int pruned() {
    return columns - BitGroups.count(kept);
  }

  /**
   * Writes the row's mask.
   *
   * @param mask the packed mask of all rows
   * @param row the row's number in it
   */
  void writeMask(MemorySegment mask, long row) {
    long rowBytes = Selector.maskRowBytes(columns);
    long at = row * rowBytes;
    int whole = (int) (rowBytes / Long.BYTES);
    MemorySegment.copy(kept, 0, mask, LONG, at, whole);
    for (int index = whole * Long.BYTES; index < rowBytes; index++) {
      long word = kept[index / Long.BYTES];
      mask.set(ValueLayout.JAVA_BYTE, at + index, (byte) (word >>> index % Long.BYTES * Byte.SIZE));
    }
  }

  /** Counts bits in groups of columns. A row has 64 bits in a word, the lowest first. */
  public static final class BitGroups {
    private static final long[] ALTERNATE = {
      0x5555_5555_5555_5555L,
      0x3333_3333_3333_3333L,
      0x0f0f_0f0f_0f0f_0f0fL,
      0x00ff_00ff_00ff_00ffL,
      0x0000_ffff_0000_ffffL,
      0x0000_0000_ffff_ffffL
    };

    private BitGroups() {}

    /** Returns how many bits are set. */
    public static int count(long[] bits) {
      int count = 0;
      for (long word : bits) {
        count += Long.bitCount(word);
      }
      return count;
    }

    /**
     * Returns how many of the columns from {@code from} to before {@code to} have their bit set.
     */
    public static int count(long[] bits, int from, int to) {
      int count = 0;
      for (int at = from; at < to; ) {
        int end = Math.min(to, (at / Long.SIZE + 1) * Long.SIZE);
        count += Long.bitCount(bits[at / Long.SIZE] & range(at % Long.SIZE, end - at));
        at = end;
      }
      return count;
    }

    /**
     * Returns a word with consecutive bits set.
     *
     * @param first the lowest bit
     * @param length how many bits, 1 to 64
     */
    public static long range(int first, int length) {
      return -1L >>> (Long.SIZE - length) << first;
    }

    /** Returns whether groups of a size fill words without a rest. */
    public static boolean fillWords(int size) {
      return size > 1 && size <= Long.SIZE && Integer.bitCount(size) == 1;
    }

    /**
     * Returns whether each group of a word has enough bits set.
     *
     * @param size columns of a group, which fill words
     * @param least how many bits are enough, less than the size
     */
    public static boolean eachHas(long word, int size, int least) {
      if (least == 0) {
        return true;
      }
      long counts = word;
      for (int half = 1, step = 0; half < size; half *= 2, step++) {
        counts = (counts & ALTERNATE[step]) + (counts >>> half & ALTERNATE[step]);
      }
      long ones = size == Long.SIZE ? 1 : Long.divideUnsigned(-1L, (1L << size) - 1);
      long tops = ones << (size - 1);
      // A count is at most its group's size, so a sum never overflows into the next group.
      return (counts + (tops - least * ones) & tops) == tops;
    }
  }
}
