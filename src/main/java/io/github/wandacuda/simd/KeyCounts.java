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
import static jdk.incubator.vector.VectorOperators.ULT;

import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;

/**
 * Passes over 16-bit keys. None of them is negative, and their number is a multiple of the vector
 * length. Counts are sums of differences' signs, which cost less than masks of comparisons. Each
 * lane counts a share of the keys; it could overflow with 65,536 keys in a share, which is more
 * columns than a row can have in memory.
 */
public final class KeyCounts {
  private static final int SIGN = Short.SIZE - 1;
  private static final int SAMPLED = 4;

  private KeyCounts() {}

  /**
   * Returns an estimate of the mean of the keys, from those in odd places of every fourth vector.
   */
  public static int mean(short[] keys, int length) {
    IntVector sum = IntVector.zero(INTS);
    int count = 0;
    for (int i = 0; i < length; i += SAMPLED * SHORT_COUNT) {
      IntVector pairs = ShortVector.fromArray(SHORTS, keys, i).reinterpretAsInts();
      sum = sum.add(pairs.lanewise(LSHR, Short.SIZE));
      count += COUNT;
    }
    return (int) (sum.reduceLanesToLong(ADD) / count);
  }

  /** Returns how many keys are below a threshold. */
  public static int below(short[] keys, int length, short threshold) {
    ShortVector below = ShortVector.zero(SHORTS);
    for (int i = 0; i < length; i += SHORT_COUNT) {
      below = below.add(ShortVector.fromArray(SHORTS, keys, i).sub(threshold).lanewise(LSHR, SIGN));
    }
    return sum(below);
  }

  /**
   * Finds the keys next to a threshold.
   *
   * @return in the upper half the highest key below it, or 0; in the lower half the lowest key that
   *     isn't below it
   */
  public static int neighbours(short[] keys, int length, short threshold) {
    ShortVector highest = ShortVector.zero(SHORTS);
    ShortVector lowest = ShortVector.broadcast(SHORTS, ScoreKeys.HIGH_PAD);
    for (int i = 0; i < length; i += SHORT_COUNT) {
      ShortVector key = ShortVector.fromArray(SHORTS, keys, i);
      VectorMask<Short> below = key.compare(LT, threshold);
      highest = highest.max(key.blend((short) 0, below.not()));
      lowest = lowest.min(key.blend(ScoreKeys.HIGH_PAD, below));
    }
    return highest.reduceLanes(MAX) << Short.SIZE | lowest.reduceLanes(MIN);
  }

  /**
   * Copies the keys from {@code low} to below {@code low + span} to another array. To be used only
   * if {@link Lanes#COMPRESSES_SHORTS}.
   *
   * @param to takes the keys; up to a vector behind them is overwritten, too
   * @return in the lower half the number of keys that were copied, in the upper half that of keys
   *     below {@code low}
   */
  public static long gather(short[] keys, int length, short low, short span, short[] to) {
    ShortVector lows = ShortVector.zero(SHORTS);
    int copied = 0;
    for (int word = 0; word < length; word += Long.SIZE) {
      for (int i = 0; i < Long.SIZE; i += SHORT_COUNT) {
        ShortVector key = ShortVector.fromArray(SHORTS, keys, word + i);
        ShortVector overLow = key.sub(low);
        lows = lows.add(overLow.lanewise(LSHR, SIGN));
        VectorMask<Short> inside = overLow.compare(ULT, span);
        key.compress(inside).intoArray(to, copied);
        copied += inside.trueCount();
      }
    }
    return (long) sum(lows) << Integer.SIZE | copied;
  }

  /** Returns the sum of unsigned counts. */
  static int sum(ShortVector counts) {
    IntVector pairs = counts.reinterpretAsInts();
    IntVector upper = pairs.lanewise(LSHR, Short.SIZE);
    return pairs.and(0xffff).add(upper).reduceLanes(ADD);
  }
}
