package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.INTS;
import static io.github.wandacuda.simd.Lanes.SHORTS;
import static io.github.wandacuda.simd.Lanes.SHORT_COUNT;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.ROL;

import io.github.wandacuda.system.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.IntUnaryOperator;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;

/**
 * Clears the lower half of each group of four or eight elements, except in groups where keys are
 * equal at the threshold.
 *
 * <p>Elements are read, scored, compared and written in one loop, which then takes hardly longer
 * than reading the memory: three loops over a row, one for each step, took 1.3 µs for 4096 BF16
 * columns, and one takes 0.6 to 0.8, of which 0.4 if they are in a cache (one thread of a Zen 4).
 * In so long a loop C2 stops inlining our own methods once it has made 18,000 nodes
 * ("NodeCountInliningCutoff", 25.0.3), and methods that it calls instead work on vectors as
 * objects, six times slower. So our methods are called first in the loop, and the rest is written
 * out.
 */
final class LowestHalves {
  private static final int PAIRS = Long.SIZE / 2;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final long VECTOR = (long) Integer.BYTES * COUNT;
  private static final VectorMask<Integer> ODD = VectorMask.fromLong(INTS, 0xaaaa);
  private static final IntVector OTHER_PAIR = lanes(lane -> lane ^ 2);
  private static final IntVector EVEN_OF_PAIR = lanes(lane -> lane & ~1);

  private LowestHalves() {}

  /**
   * Clears the elements of each group of four that have at least two keys above them. A group is a
   * 64-bit lane, so each key meets the three others by rotating lanes. No key is negative, so the
   * sign of a difference says which one is lower, and two of three signs are a majority.
   *
   * @param memory holds the row
   * @param at where the row begins, in bytes
   * @param brain whether elements are BF16, not F16
   * @param norms as {@link KeyLayout} arranges them
   * @param kept receives one bit for each column, 0 if it is cleared
   * @return whether all elements are finite; if not, the 64 columns with the first one that isn't,
   *     and all after them, are left as they are
   */
  static boolean clearFours(
      MemorySegment memory, long at, boolean brain, float[] norms, long[] kept) {
    if (memory.getClass() != NativeMemory.TYPE) {
      throw NativeMemory.expected();
    }
    int stride = norms.length / 2;
    for (int word = 0; word < kept.length; word++) {
      ShortVector highest = ShortVector.zero(SHORTS);
      for (int i = 0; i < PAIRS; i += SHORT_COUNT / 2) {
        IntVector magnitudes = Scores.halfMagnitudes(memory, place(at, word * PAIRS + i));
        highest = highest.max(magnitudes.reinterpretAsShorts());
      }
      if (highest.compare(GE, Scores.infinity(brain)).anyTrue()) {
        return false;
      }
      long pruned = 0;
      for (int i = 0; i < PAIRS; i += SHORT_COUNT / 2) {
        int pair = word * PAIRS + i;
        long to = place(at, pair);
        IntVector elements = IntVector.fromMemorySegment(INTS, memory, to, ORDER);
        IntVector magnitudes = Scores.halfMagnitudes(elements);
        ShortVector key = Scores.halves(magnitudes, brain, norms, pair, stride + pair);
        LongVector group = key.reinterpretAsLongs();
        ShortVector a = key.sub(group.lanewise(ROL, Short.SIZE).reinterpretAsShorts());
        ShortVector b = key.sub(group.lanewise(ROL, 2 * Short.SIZE).reinterpretAsShorts());
        ShortVector c = key.sub(group.lanewise(ROL, 3 * Short.SIZE).reinterpretAsShorts());
        VectorMask<Short> lower = a.and(b).or(c.and(a.or(b))).compare(LT, 0);
        elements.reinterpretAsShorts().blend((short) 0, lower).intoMemorySegment(memory, to, ORDER);
        pruned |= lower.toLong() << (2 * i);
      }
      kept[word] = ~pruned;
    }
    return true;
  }

  private static long place(long at, int pair) {
    return at + (long) Integer.BYTES * pair;
  }

  /** Returns the lane numbers from which a shuffle takes each lane. */
  private static IntVector lanes(IntUnaryOperator from) {
    int[] lanes = new int[COUNT];
    Arrays.setAll(lanes, from);
    return IntVector.fromArray(INTS, lanes, 0);
  }

  /**
   * Arranges a row's norms for {@link #clearEights}: those of the even columns of a vector, then
   * those of its odd ones.
   *
   * @param planes the norms as {@link KeyLayout} arranges them
   */
  static float[] arranged(float[] planes) {
    float[] arranged = new float[planes.length];
    int stride = planes.length / 2;
    for (int from = 0; from < stride; from += COUNT) {
      System.arraycopy(planes, from, arranged, 2 * from, COUNT);
      System.arraycopy(planes, stride + from, arranged, 2 * from + COUNT, COUNT);
    }
    return arranged;
  }

  /**
   * Clears the elements of each group of eight whose keys are below the fifth lowest: the four
   * lowest, unless keys are equal there. A network of minima and maxima finds it (Knuth, The Art of
   * Computer Programming 3, section 5.3.4): it sorts two fours, and of the pairs of one's i-th
   * lowest and the other's i-th highest the maxima are the upper half. The lowest of these is the
   * threshold. Comparing each key with its seven others takes twice as many operations.
   *
   * <p>A group is four neighbouring words of two keys; the words' lower halves are one four and the
   * upper halves the other. First each word meets its neighbour, which leaves the same two results
   * in both; from then on the even words of one vector and the odd words of the next share a
   * vector.
   *
   * @param brain whether elements are BF16, not F16
   * @param norms as {@link #arranged} says
   * @param kept receives one bit for each column, 0 if it is cleared
   * @return whether all elements are finite
   */
  static boolean clearEights(
      MemorySegment memory, long at, boolean brain, float[] norms, long[] kept) {
    if (memory.getClass() != NativeMemory.TYPE) {
      throw NativeMemory.expected();
    }
    short[] keys = new short[2 * SHORT_COUNT];
    for (int word = 0; word < kept.length; word++) {
      long pruned = 0;
      for (int i = 0; i < PAIRS; i += SHORT_COUNT) {
        int pair = word * PAIRS + i;
        long to = at + (long) Integer.BYTES * pair;
        ShortVector highest = ShortVector.zero(SHORTS);
        for (int v = 0; v < 2; v++) {
          IntVector words = Scores.halfMagnitudes(memory, to + VECTOR * v);
          highest = highest.max(words.reinterpretAsShorts());
          int even = 2 * (pair + COUNT * v);
          Scores.halves(words, brain, norms, even, even + COUNT).intoArray(keys, SHORT_COUNT * v);
        }
        if (highest.compare(GE, Scores.infinity(brain)).anyTrue()) {
          return false;
        }
        ShortVector k0 = ShortVector.fromArray(SHORTS, keys, 0);
        ShortVector k1 = ShortVector.fromArray(SHORTS, keys, SHORT_COUNT);
        ShortVector n0 = k0.reinterpretAsLongs().lanewise(ROL, Integer.SIZE).reinterpretAsShorts();
        ShortVector n1 = k1.reinterpretAsLongs().lanewise(ROL, Integer.SIZE).reinterpretAsShorts();
        IntVector lows = k0.min(n0).reinterpretAsInts().blend(k1.min(n1).reinterpretAsInts(), ODD);
        IntVector highs = k0.max(n0).reinterpretAsInts().blend(k1.max(n1).reinterpretAsInts(), ODD);
        ShortVector low = lows.reinterpretAsShorts();
        ShortVector high = highs.reinterpretAsShorts();
        ShortVector otherLow = OTHER_PAIR.selectFrom(lows).reinterpretAsShorts();
        ShortVector otherHigh = OTHER_PAIR.selectFrom(highs).reinterpretAsShorts();
        ShortVector x = low.max(otherLow);
        ShortVector y = high.min(otherHigh);
        IntVector third = x.max(y).reinterpretAsInts().lanewise(ROL, Short.SIZE);
        IntVector fourth = high.max(otherHigh).reinterpretAsInts().lanewise(ROL, Short.SIZE);
        ShortVector upper =
            low.min(otherLow)
                .max(fourth.reinterpretAsShorts())
                .min(x.min(y).max(third.reinterpretAsShorts()));
        IntVector other = upper.reinterpretAsInts().lanewise(ROL, Short.SIZE);
        IntVector thresholds = upper.min(other.reinterpretAsShorts()).reinterpretAsInts();
        for (int v = 0; v < 2; v++) {
          ShortVector threshold = EVEN_OF_PAIR.add(v).selectFrom(thresholds).reinterpretAsShorts();
          VectorMask<Short> lower =
              ShortVector.fromArray(SHORTS, keys, SHORT_COUNT * v).compare(LT, threshold);
          ShortVector.fromMemorySegment(SHORTS, memory, to + VECTOR * v, ORDER)
              .blend((short) 0, lower)
              .intoMemorySegment(memory, to + VECTOR * v, ORDER);
          pruned |= lower.toLong() << (2 * i + SHORT_COUNT * v);
        }
      }
      kept[word] = ~pruned;
    }
    return true;
  }
}
