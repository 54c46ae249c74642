package io.github.wandacuda.backend.cpu.vector;

import static io.github.wandacuda.backend.cpu.vector.Lanes.COUNT;
import static io.github.wandacuda.backend.cpu.vector.Lanes.INTS;
import static io.github.wandacuda.backend.cpu.vector.Lanes.SHORTS;
import static io.github.wandacuda.backend.cpu.vector.Lanes.SHORT_COUNT;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.ROL;

import java.util.Arrays;
import java.util.function.IntUnaryOperator;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;

/**
 * Tells which of eight {@link HighKeys} are above the lower half of them, by a network of minima
 * and maxima (Knuth, The Art of Computer Programming 3, section 5.3.4): it sorts two fours, and of
 * the pairs of one's i-th lowest and the other's i-th highest the minima are the lower half. The
 * highest of these is the limit. Comparing each key with its seven others takes twice as many
 * operations.
 *
 * <p>A network needs the keys of a group in the same place of as many vectors. A group is four
 * neighbouring words of two keys. Of four vectors the k-th diagonal is taken: in each group lane p
 * comes from vector p + k, modulo 4. Moved k lanes on, its lane p holds a word of vector p, and the
 * four diagonals hold all of them. Which is which doesn't matter to a network. So lane p of the
 * limits belongs to vector p. The two fours are the lower and the upper halves of the words.
 */
final class EightLimits {
  private static final int WORDS = 4;
  private static final int STEP = 2 * Long.SIZE;
  private static final VectorMask<Integer> ODD_LANES = VectorMask.fromLong(INTS, 0xaaaa);
  private static final VectorMask<Integer> UPPER_PAIRS = VectorMask.fromLong(INTS, 0xcccc);
  private static final IntVector MOVE_1 = lanes(lane -> lane + 3);
  private static final IntVector MOVE_2 = lanes(lane -> lane + 2);
  private static final IntVector MOVE_3 = lanes(lane -> lane + 1);
  private static final IntVector SPREAD_0 = lanes(lane -> 0);
  private static final IntVector SPREAD_1 = lanes(lane -> 1);
  private static final IntVector SPREAD_2 = lanes(lane -> 2);
  private static final IntVector SPREAD_3 = lanes(lane -> 3);

  private final short[] limits;

  /**
   * Prepares rows.
   *
   * @param columns of a row
   */
  EightLimits(int columns) {
    limits = new short[room(columns) / WORDS];
  }

  /** Returns which lane comes to each, of the same group, modulo 4. */
  private static IntVector lanes(IntUnaryOperator from) {
    int[] lanes = new int[COUNT];
    Arrays.setAll(lanes, lane -> lane - lane % WORDS + from.applyAsInt(lane) % WORDS);
    return IntVector.fromArray(INTS, lanes, 0);
  }

  /** Returns how many keys there must be room for. */
  static int room(int columns) {
    return Math.ceilDiv(columns, STEP) * STEP;
  }

  /**
   * Finds the limits of a row's groups.
   *
   * @param keys as many as {@link #room} says
   */
  void find(short[] keys) {
    for (int i = 0; i < limits.length; i += SHORT_COUNT) {
      IntVector v0 = words(keys, WORDS * i);
      IntVector v1 = words(keys, WORDS * i + SHORT_COUNT);
      IntVector v2 = words(keys, WORDS * i + 2 * SHORT_COUNT);
      IntVector v3 = words(keys, WORDS * i + 3 * SHORT_COUNT);
      IntVector v01 = v0.blend(v1, ODD_LANES);
      IntVector v12 = v1.blend(v2, ODD_LANES);
      IntVector v23 = v2.blend(v3, ODD_LANES);
      IntVector v30 = v3.blend(v0, ODD_LANES);
      ShortVector a = v01.blend(v23, UPPER_PAIRS).reinterpretAsShorts();
      ShortVector b = MOVE_1.selectFrom(v12.blend(v30, UPPER_PAIRS)).reinterpretAsShorts();
      ShortVector c = MOVE_2.selectFrom(v23.blend(v01, UPPER_PAIRS)).reinterpretAsShorts();
      ShortVector d = MOVE_3.selectFrom(v30.blend(v12, UPPER_PAIRS)).reinterpretAsShorts();
      ShortVector ab = a.min(b);
      ShortVector ba = a.max(b);
      ShortVector cd = c.min(d);
      ShortVector dc = c.max(d);
      ShortVector x = ab.max(cd);
      ShortVector y = ba.min(dc);
      ShortVector first = otherFour(ab.min(cd));
      ShortVector second = otherFour(x.min(y));
      ShortVector lower = ba.max(dc).min(first).max(x.max(y).min(second));
      lower.max(otherFour(lower)).intoArray(limits, i);
    }
  }

  /** Writes one bit a column, 1 where the key is above the limit of its group. */
  void above(short[] keys, long[] above) {
    for (int column = 0; column < keys.length; column += STEP) {
      long low = 0;
      long high = 0;
      for (int i = 0; i < STEP; i += 4 * SHORT_COUNT) {
        IntVector limit = words(limits, (column + i) / WORDS);
        int at = column + i;
        long first =
            above(keys, at, SPREAD_0.selectFrom(limit))
                | above(keys, at + SHORT_COUNT, SPREAD_1.selectFrom(limit)) << SHORT_COUNT;
        int to = i + 2 * SHORT_COUNT;
        long second =
            above(keys, column + to, SPREAD_2.selectFrom(limit))
                | above(keys, column + to + SHORT_COUNT, SPREAD_3.selectFrom(limit)) << SHORT_COUNT;
        low |= (i < Long.SIZE ? first << i : 0) | (to < Long.SIZE ? second << to : 0);
        high |= (i < Long.SIZE ? 0 : first << i) | (to < Long.SIZE ? 0 : second << to);
      }
      int word = column / Long.SIZE;
      above[word] = low;
      if (word + 1 < above.length) {
        above[word + 1] = high;
      }
    }
  }

  private static long above(short[] keys, int at, IntVector limit) {
    return ShortVector.fromArray(SHORTS, keys, at)
        .compare(GT, limit.reinterpretAsShorts())
        .toLong();
  }

  private static ShortVector otherFour(ShortVector keys) {
    return keys.reinterpretAsInts().lanewise(ROL, Short.SIZE).reinterpretAsShorts();
  }

  private static IntVector words(short[] keys, int at) {
    return ShortVector.fromArray(SHORTS, keys, at).reinterpretAsInts();
  }
}
