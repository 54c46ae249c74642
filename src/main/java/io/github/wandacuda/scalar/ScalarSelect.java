package io.github.wandacuda.scalar;

import static io.github.wandacuda.system.LittleEndian.INT;
import static io.github.wandacuda.system.LittleEndian.SHORT;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.Lowest;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.BiConsumer;

/**
 * Selection in plain loops: the specification of what every backend computes, and what a Java
 * without the Vector API runs.
 *
 * <p>A weight's score is |W| times its column's norm (Wanda, arXiv 2306.11695, section 3). Scores
 * are not negative, so their bits are ordered as they are. Of equal scores the one in the lower
 * column goes first. Where a number of scores goes, {@link RadixThreshold} finds the highest of
 * them; in a short group it is counted for each element how many are lower.
 *
 * <p>Sorting a row's scores is shorter to write, and takes 12 ns a weight of BF16 in rows of 2048;
 * this takes 3.1 ns, and the kernels on vectors 0.3 ns once they are compiled. So short work runs
 * here even where there are vectors: the first 17 million weights take 0.15 s, and sorted 0.4 s.
 * The tests compare it with rows that are sorted.
 */
public final class ScalarSelect implements CpuSelectKernels {
  /**
   * Groups up to this size are ranked by comparing all pairs; in longer ones it is faster to count
   * digits.
   */
  private static final int MOST_RANKED = 32;

  /** A column shifted right by this is the number of its word of kept bits. */
  private static final int WORD_SHIFT = 6;

  @Override
  public RowPruner pruner(DType dtype, int columns, float[] norms, SelectionRule rule) {
    return new Row(dtype, columns, norms, marker(rule, columns));
  }

  private static BiConsumer<int[], long[]> marker(SelectionRule rule, int columns) {
    if (rule instanceof AtMost most) {
      int threshold = most.lowestKept() - 1;
      return (keys, kept) -> keepAbove(keys, 0, columns, threshold, columns, kept);
    }
    Lowest lowest = (Lowest) rule;
    int size = lowest.groupSize(columns);
    int pruned = lowest.perGroup();
    if (size <= MOST_RANKED) {
      return (keys, kept) -> keepByRank(keys, size, pruned, kept);
    }
    RadixThreshold radix = new RadixThreshold(size);
    return (keys, kept) -> {
      for (int from = 0; from < columns; from += size) {
        int to = from + size;
        radix.find(keys, from, to, pruned);
        keepAbove(keys, from, to, radix.threshold, radix.left, kept);
      }
    };
  }

  /**
   * Finds the score up to which the lowest of some go, by a radix select: it counts the scores by
   * their highest digit, which gives the threshold's highest digit, then those with this digit by
   * the next one, and so on. Keys are the bits of scores, which aren't negative, so their 31 bits
   * make three digits.
   */
  private static final class RadixThreshold {
    private static final int HIGH_SHIFT = 20;
    private static final int MIDDLE_SHIFT = 10;
    private static final int HIGH_DIGITS = 1 << (Integer.SIZE - 1 - HIGH_SHIFT);
    private static final int LOWER_DIGITS = 1 << MIDDLE_SHIFT;

    private final int[] counts = new int[HIGH_DIGITS];
    private final int[] candidates;

    /** The threshold: keys below it go, keys above it stay. */
    private int threshold;

    /**
     * How many of the keys with the digits found so far go; in the end, how many of those that
     * equal the threshold.
     */
    private int left;

    /**
     * Makes room.
     *
     * @param most keys at a time
     */
    RadixThreshold(int most) {
      candidates = new int[most];
    }

    /**
     * Finds the threshold of the keys from {@code from} to before {@code to}.
     *
     * @param wanted how many go, at most as many as there are
     */
    void find(int[] keys, int from, int to, int wanted) {
      left = wanted;
      int high = digit(keys, from, to, HIGH_SHIFT, HIGH_DIGITS);
      int count = take(keys, from, to, HIGH_SHIFT, high);
      int middle = digit(candidates, 0, count, MIDDLE_SHIFT, LOWER_DIGITS);
      int higher = (high << (HIGH_SHIFT - MIDDLE_SHIFT)) | middle;
      count = take(candidates, 0, count, MIDDLE_SHIFT, higher);
      threshold = (higher << MIDDLE_SHIFT) | digit(candidates, 0, count, 0, LOWER_DIGITS);
    }

    /**
     * Finds the threshold's next digit, and subtracts the number of keys with lower digits from
     * {@code left}.
     */
    private int digit(int[] keys, int from, int to, int shift, int digits) {
      Arrays.fill(counts, 0, digits, 0);
      for (int i = from; i < to; i++) {
        counts[(keys[i] >>> shift) & (digits - 1)]++;
      }
      int digit = 0;
      while (left > counts[digit]) {
        left -= counts[digit++];
      }
      return digit;
    }

    /**
     * Copies the keys that begin with the digits found so far to the candidates.
     *
     * @return how many they are
     */
    private int take(int[] keys, int from, int to, int shift, int digits) {
      int count = 0;
      for (int i = from; i < to; i++) {
        int key = keys[i];
        if (key >>> shift == digits) {
          candidates[count++] = key;
        }
      }
      return count;
    }
  }

  /**
   * Copies a row to an array, and prunes it by the bits of its scores. Loops over arrays are fast
   * as soon as they are compiled at all.
   */
  private static final class Row extends RowPruner {
    private static final int MAGNITUDE = 0x7fff_ffff;
    private static final int HALF_MAGNITUDE = 0x7fff;

    private final DType dtype;
    private final float[] norms;
    private final BiConsumer<int[], long[]> marker;

    /** The bits of each element's score. */
    private final int[] keys;

    /** The row, if its elements have 32 bits. */
    private final int[] words;

    /** The row, if its elements have 16 bits. */
    private final short[] halves;

    Row(DType dtype, int columns, float[] norms, BiConsumer<int[], long[]> marker) {
      this.dtype = dtype;
      this.norms = norms;
      this.marker = marker;
      keys = new int[columns];
      words = new int[dtype == DType.F32 ? columns : 0];
      halves = new short[dtype == DType.F32 ? 0 : columns];
    }

    @Override
    public int prune(MemorySegment memory, long at, long[] kept) {
      if (!read(memory, at)) {
        return NON_FINITE;
      }
      Arrays.fill(kept, 0);
      marker.accept(keys, kept);
      write(kept, memory, at);
      int stay = 0;
      for (long bits : kept) {
        stay += Long.bitCount(bits);
      }
      return keys.length - stay;
    }

    @Override
    public boolean passesOnce() {
      return true;
    }

    /**
     * Reads a row and scores it.
     *
     * @return whether all of it is finite
     */
    private boolean read(MemorySegment memory, long at) {
      int highest;
      if (dtype == DType.F32) {
        MemorySegment.copy(memory, INT, at, words, 0, words.length);
        highest = scoreFloats(words, norms, keys);
      } else {
        MemorySegment.copy(memory, SHORT, at, halves, 0, halves.length);
        highest =
            dtype == DType.F16
                ? scoreHalves(halves, norms, keys)
                : scoreBfloats(halves, norms, keys);
      }
      return highest < RowElements.INFINITY;
    }

    private static int scoreFloats(int[] words, float[] norms, int[] keys) {
      int highest = 0;
      for (int c = 0; c < keys.length; c++) {
        int magnitude = words[c] & MAGNITUDE;
        highest = Math.max(highest, magnitude);
        keys[c] = Float.floatToRawIntBits(Float.intBitsToFloat(magnitude) * norms[c]);
      }
      return highest;
    }

    private static int scoreHalves(short[] halves, float[] norms, int[] keys) {
      int highest = 0;
      for (int c = 0; c < keys.length; c++) {
        float value = Float.float16ToFloat((short) (halves[c] & HALF_MAGNITUDE));
        highest = Math.max(highest, Float.floatToRawIntBits(value));
        keys[c] = Float.floatToRawIntBits(value * norms[c]);
      }
      return highest;
    }

    private static int scoreBfloats(short[] halves, float[] norms, int[] keys) {
      int highest = 0;
      for (int c = 0; c < keys.length; c++) {
        int magnitude = (halves[c] & HALF_MAGNITUDE) << Short.SIZE;
        highest = Math.max(highest, magnitude);
        keys[c] = Float.floatToRawIntBits(Float.intBitsToFloat(magnitude) * norms[c]);
      }
      return highest;
    }

    /**
     * Writes the row back, with +0.0 where an element isn't kept, and counts the zeros that it has
     * then.
     */
    private void write(long[] kept, MemorySegment memory, long at) {
      if (dtype == DType.F32) {
        zeros = clear(words, kept);
        MemorySegment.copy(words, 0, memory, INT, at, words.length);
      } else {
        zeros = clear(halves, kept);
        MemorySegment.copy(halves, 0, memory, SHORT, at, halves.length);
      }
    }

    private static int clear(int[] words, long[] kept) {
      int zeros = 0;
      for (int c = 0; c < words.length; c++) {
        int word = words[c] & -(int) (kept[c >> WORD_SHIFT] >>> c & 1);
        words[c] = word;
        zeros += (word & MAGNITUDE) == 0 ? 1 : 0;
      }
      return zeros;
    }

    private static int clear(short[] halves, long[] kept) {
      int zeros = 0;
      for (int c = 0; c < halves.length; c++) {
        int half = halves[c] & -(int) (kept[c >> WORD_SHIFT] >>> c & 1);
        halves[c] = (short) half;
        zeros += (half & HALF_MAGNITUDE) == 0 ? 1 : 0;
      }
      return zeros;
    }
  }

  /**
   * Keeps the keys above a threshold of the columns from {@code from} to before {@code to}, and
   * those that equal it except the first few.
   *
   * @param equal how many of those that equal it go
   */
  private static void keepAbove(
      int[] keys, int from, int to, int threshold, int equal, long[] kept) {
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

  /**
   * Keeps all but the lowest of each group: an element goes if fewer than {@code pruned} come
   * before it.
   */
  private static void keepByRank(int[] keys, int size, int pruned, long[] kept) {
    for (int from = 0; from < keys.length; from += size) {
      int to = from + size;
      for (int c = from; c < to; c++) {
        long stays = rank(keys, from, to, c) < pruned ? 0 : 1;
        kept[c >> WORD_SHIFT] |= stays << c;
      }
    }
  }

  /**
   * Returns how many elements of a group come before a column's: lower ones, and equal ones in
   * lower columns.
   */
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
