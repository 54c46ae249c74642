package io.github.wandacuda.backend.cpu.vector;

import static io.github.wandacuda.backend.cpu.vector.Lanes.COUNT;
import static io.github.wandacuda.backend.cpu.vector.Lanes.INTS;
import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.XOR;

import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;

/** Passes over keys, whose number is a multiple of the vector length; none is negative. */
final class KeyCounts {
  /** The sign of a difference counts as well as a comparison's mask, and costs less. */
  private static final int SIGN = Integer.SIZE - 1;

  private KeyCounts() {}

  /** Returns the number of keys below {@code limit}, which is not negative. */
  static int below(int[] keys, int length, int limit) {
    IntVector count = IntVector.zero(INTS);
    for (int i = 0; i < length; i += COUNT) {
      IntVector key = IntVector.fromArray(INTS, keys, i);
      count = count.add(key.sub(limit).lanewise(LSHR, SIGN));
    }
    return count.reduceLanes(ADD);
  }

  /** Returns the numbers of keys below two limits, {@code high}'s in the upper half. */
  static long below(int[] keys, int length, int low, int high) {
    IntVector lows = IntVector.zero(INTS);
    IntVector highs = IntVector.zero(INTS);
    for (int i = 0; i < length; i += COUNT) {
      IntVector key = IntVector.fromArray(INTS, keys, i);
      lows = lows.add(key.sub(low).lanewise(LSHR, SIGN));
      highs = highs.add(key.sub(high).lanewise(LSHR, SIGN));
    }
    return (long) highs.reduceLanes(ADD) << Integer.SIZE | lows.reduceLanes(ADD);
  }

  /**
   * Copies the vectors that hold a key from {@code low} to below {@code high}. Up to a vector more
   * is written behind them.
   *
   * @return the number of keys copied, and in the upper half that of keys below {@code low}
   */
  static long gather(int[] keys, int length, int low, int high, int[] to) {
    IntVector lows = IntVector.zero(INTS);
    int copied = 0;
    for (int i = 0; i < length; i += COUNT) {
      IntVector key = IntVector.fromArray(INTS, keys, i);
      key.intoArray(to, copied);
      IntVector overLow = key.sub(low);
      VectorMask<Integer> inside = overLow.lanewise(XOR, key.sub(high)).compare(LT, 0);
      copied += COUNT & -inside.trueCount() >> SIGN;
      lows = lows.add(overLow.lanewise(LSHR, SIGN));
    }
    return (long) lows.reduceLanes(ADD) << Integer.SIZE | copied;
  }

  /**
   * Moves the keys from {@code low} to below {@code high} to the array's start, and returns their
   * number.
   */
  static int compact(int[] keys, int length, int low, int high) {
    int count = 0;
    for (int i = 0; i < length; i += COUNT) {
      IntVector key = IntVector.fromArray(INTS, keys, i);
      VectorMask<Integer> inside = key.compare(GE, low).and(key.compare(LT, high));
      key.compress(inside).intoArray(keys, count);
      count += inside.trueCount();
    }
    return count;
  }

  /** Returns the number of keys that are {@code value}. */
  static int equal(int[] keys, int from, int to, int value) {
    int count = 0;
    for (int i = from; i < to; i += COUNT) {
      count += IntVector.fromArray(INTS, keys, i).compare(EQ, value).trueCount();
    }
    return count;
  }

  /** Puts {@code replacement} in the place of every key that is {@code value}. */
  static void replace(int[] keys, int from, int to, int value, int replacement) {
    for (int i = from; i < to; i += COUNT) {
      IntVector key = IntVector.fromArray(INTS, keys, i);
      key.blend(replacement, key.compare(EQ, value)).intoArray(keys, i);
    }
  }
}
