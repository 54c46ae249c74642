package io.github.wandacuda.scalar;

/**
 * Sets the bits of what stays of a row, given the bits of its scores (keys). Bits are all zero
 * before; bit c of entry c / 64 is column c's.
 */
final class KeptColumns {
  /** Shifts a column to its entry of kept bits. */
  static final int WORD_SHIFT = 6;

  private KeptColumns() {}

  /**
   * Keeps what is above a threshold of the columns from {@code from} to before {@code to}, and what
   * equals it except the first few.
   *
   * @param equal how many of those that equal it go
   */
  static void above(int[] keys, int from, int to, int threshold, int equal, long[] kept) {
    int left = equal;
    for (int word = from >> WORD_SHIFT; word << WORD_SHIFT < to; word++) {
      int end = Math.min(to, (word + 1) << WORD_SHIFT);
      long bits = 0;
      for (int c = Math.max(from, word << WORD_SHIFT); c < end; c++) {
        int key = keys[c];
        long stays = (threshold - key) >>> (Integer.SIZE - 1);
        if (key == threshold) {
          stays = left > 0 ? 0 : 1;
          left--;
        }
        bits |= stays << c;
      }
      kept[word] |= bits;
    }
  }

  /** Keeps all but the lowest of each group: an element goes if few enough come before it. */
  static void byRank(int[] keys, int size, int pruned, long[] kept) {
    for (int from = 0; from < keys.length; from += size) {
      int to = from + size;
      for (int c = from; c < to; c++) {
        long stays = rank(keys, from, to, c) < pruned ? 0 : 1;
        kept[c >> WORD_SHIFT] |= stays << c;
      }
    }
  }

  /** Returns how many of a group are lower, or equal and in a lower column. */
  private static int rank(int[] keys, int from, int to, int column) {
    int key = keys[column];
    int rank = 0;
    for (int c = from; c < column; c++) {
      rank += keys[c] <= key ? 1 : 0;
    }
    for (int c = column + 1; c < to; c++) {
      rank += keys[c] < key ? 1 : 0;
    }
    return rank;
  }
}
