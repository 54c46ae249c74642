package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.INTS;
import static io.github.wandacuda.simd.Lanes.SHORTS;
import static io.github.wandacuda.simd.Lanes.SHORT_COUNT;
import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.MIN;
import static jdk.incubator.vector.VectorOperators.NE;

import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;

/**
 * Decides among elements whose keys have the same upper half if there are many of them, as in rows
 * of few different values: bisects between the lowest and the highest of their whole keys. If all
 * of these are equal, as zeros are, nothing is left to bisect.
 */
public final class TiedKeys {
  private static final int SIGN = Integer.SIZE - 1;
  private static final long EVEN = 0x5555_5555_5555_5555L;

  /** Finds the keys below a threshold. */
  private interface Below {
    /**
     * Returns one bit for each of 64 columns, 1 if its key is below the threshold.
     *
     * @param k the first column
     */
    long bits(int k, int threshold);
  }

  private final KeyLayout planes;
  private int[] keys = {};
  private int lowest;
  private int highest;
  private int threshold;

  /**
   * Prepares rows.
   *
   * @param planes where the keys lie
   */
  public TiedKeys(KeyLayout planes) {
    this.planes = planes;
  }

  /** Returns the array into which the caller writes a row's whole keys before {@link #keep}. */
  public int[] keys() {
    if (keys.length == 0) {
      keys = new int[planes.length()];
    }
    return keys;
  }

  /**
   * Writes which columns are kept: all but the {@code wanted} lowest keys, and of equal ones the
   * lowest columns.
   *
   * @param halves the keys' upper halves, at {@link KeyLayout#highAt}
   * @param half an upper half such that at most {@code wanted} keys have a lower one, and at least
   *     {@code wanted} have this or a lower one
   * @param below how many keys have a lower one
   * @param wanted how many go
   * @param kept receives one bit for each column, 1 if it is kept
   */
  public void keep(short[] halves, int half, int below, int wanted, long[] kept) {
    range(half);
    threshold = lowest == highest ? lowest : threshold(wanted);
    if (lowest == highest && planes.count() == 2) {
      // All keys with this upper half are equal as a whole.
      keep((k, key) -> bits(halves, k, key), half, wanted - below, kept);
    } else {
      keep(this::bits, threshold, wanted - below(threshold), kept);
    }
    RowMaskWriter.trim(planes.columns(), kept);
  }

  /** Returns how many keys equal the last threshold. */
  public int atThreshold() {
    return below(threshold + 1) - below(threshold);
  }

  /**
   * Returns the last row's threshold, a whole key: at most as many keys as were wanted are below
   * it, and at least as many below or equal.
   */
  public int threshold() {
    return threshold;
  }

  /**
   * Keeps the keys above a threshold, and of those that equal it all but the first {@code left}.
   */
  private static void keep(Below below, int threshold, int left, long[] kept) {
    int more = left;
    for (int k = 0; k < kept.length; k++) {
      long lower = below.bits(k, threshold);
      long pruned = lowest(below.bits(k, threshold + 1) ^ lower, more);
      more -= Long.bitCount(pruned);
      kept[k] = ~(lower | pruned);
    }
  }

  /** Returns the lowest bits of a word that are set, at most {@code most} of them. */
  public static long lowest(long bits, int most) {
    return most >= Long.bitCount(bits) ? bits : Long.expand((1L << most) - 1, bits);
  }

  /** Finds the lowest and the highest key with an upper half. */
  private void range(int half) {
    IntVector low = IntVector.broadcast(INTS, ScoreKeys.PAD);
    IntVector high = IntVector.zero(INTS);
    for (int i = 0; i < keys.length; i += COUNT) {
      IntVector key = IntVector.fromArray(INTS, keys, i);
      VectorMask<Integer> other = key.lanewise(LSHR, Short.SIZE).compare(NE, half);
      low = low.min(key.blend(ScoreKeys.PAD, other));
      high = high.max(key.blend(0, other));
    }
    lowest = low.reduceLanes(MIN);
    highest = high.reduceLanes(MAX);
  }

  /** Returns the highest key below which there are at most {@code wanted} keys. */
  private int threshold(int wanted) {
    int low = lowest;
    int high = highest + 1;
    while (high - low > 1) {
      int middle = low + (high - low) / 2;
      if (below(middle) <= wanted) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private int below(int threshold) {
    IntVector count = IntVector.zero(INTS);
    for (int i = 0; i < keys.length; i += COUNT) {
      count = count.add(IntVector.fromArray(INTS, keys, i).sub(threshold).lanewise(LSHR, SIGN));
    }
    return count.reduceLanes(ADD);
  }

  /** Returns one bit for each of 64 columns, 1 if its key is below the threshold. */
  private long bits(int k, int threshold) {
    if (planes.count() == 1) {
      return bits(k * Long.SIZE, Long.SIZE, threshold);
    }
    int from = k * Integer.SIZE;
    return Long.expand(bits(from, Integer.SIZE, threshold), EVEN)
        | Long.expand(bits(planes.stride() + from, Integer.SIZE, threshold), ~EVEN);
  }

  private static long bits(short[] halves, int k, int threshold) {
    long bits = 0;
    for (int i = 0; i < Long.SIZE; i += SHORT_COUNT) {
      ShortVector half = ShortVector.fromArray(SHORTS, halves, k * Long.SIZE + i);
      bits |= half.compare(LT, (short) threshold).toLong() << i;
    }
    return bits;
  }

  private long bits(int from, int count, int threshold) {
    long bits = 0;
    for (int i = 0; i < count; i += COUNT) {
      bits |= IntVector.fromArray(INTS, keys, from + i).compare(LT, threshold).toLong() << i;
    }
    return bits;
  }
}
