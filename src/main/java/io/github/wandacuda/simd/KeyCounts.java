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
 * Passes over 16-bit keys, whose number is a multiple of the vector length; none is negative. A
 * difference's sign counts as well as a comparison's mask, and costs less. Each of a vector's
 * counters counts a share of the keys; with 65,536 keys for each they could overflow, which is more
 * columns than a row can have in memory.
 */
public final class KeyCounts {
  private static final int SIGN = Short.SIZE - 1;
  private static final int SAMPLED = 4;

  private KeyCounts() {}

  /** Returns about the mean of the keys, of those in odd places of every fourth vector. */
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

  public static int below(short[] keys, int length, short threshold) {
    ShortVector below = ShortVector.zero(SHORTS);
    for (int i = 0; i < length; i += SHORT_COUNT) {
      below = below.add(ShortVector.fromArray(SHORTS, keys, i).sub(threshold).lanewise(LSHR, SIGN));
    }
    return sum(below);
  }

  /**
   * Returns the highest key below a threshold in the upper half, or 0, and the lowest one that
   * isn't in the lower half.
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
   * Copies the keys from {@code low} to below {@code low + span} to another array, up to a vector
   * more behind them. To be used where {@link Lanes#COMPRESSES_SHORTS} only.
   *
   * @return the number of keys copied, and in the upper half that of keys below {@code low}
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
