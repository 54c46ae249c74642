package io.github.wandacuda.pruning;

/**
 * Counts in rows of bits, 64 columns to a word, the lowest bit first, by groups of consecutive
 * columns.
 */
public final class BitGroups {
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

  /** Returns how many of the columns {@code [from, to)} have their bit set. */
  public static int count(long[] bits, int from, int to) {
    int count = 0;
    for (int at = from; at < to; ) {
      int end = Math.min(to, (at / Long.SIZE + 1) * Long.SIZE);
      count += Long.bitCount(bits[at / Long.SIZE] & range(at % Long.SIZE, end - at));
      at = end;
    }
    return count;
  }

  /** Returns {@code length} set bits, 1 to 64, from bit {@code first} on. */
  public static long range(int first, int length) {
    return -1L >>> (Long.SIZE - length) << first;
  }

  /** Returns whether groups of this size fill words without a rest. */
  public static boolean fillWords(int size) {
    return size > 1 && size <= Long.SIZE && Integer.bitCount(size) == 1;
  }

  /**
   * Returns whether each group of a word has enough bits set.
   *
   * @param size columns of a group, see {@link #fillWords}
   * @param least how many, less than {@code size}
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
    // A count is at most its group's size, so that no sum leaves its group.
    return (counts + (tops - least * ones) & tops) == tops;
  }
}
