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
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;

/**
 * Clears the elements of each group of eight whose keys are below the fifth lowest: the four
 * lowest, unless keys are equal there. A network of minima and maxima finds it (Knuth, The Art of
 * Computer Programming 3, section 5.3.4): it sorts two fours, and of the pairs of one's i-th lowest
 * and the other's i-th highest the maxima are the upper half. The lowest of these is the threshold.
 * Comparing each key with its seven others takes twice as many operations.
 *
 * <p>A group is four neighbouring words of two keys; the words' lower halves are one four and the
 * upper halves the other. First each word meets its neighbour, which leaves the same two results in
 * both; from then on the even words of one vector and the odd words of the next share a vector. All
 * is written out in one loop for the reason that {@link LowestOfFours} gives.
 */
final class LowestOfEights {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final int PAIRS = Long.SIZE / 2;
  private static final long VECTOR = (long) Integer.BYTES * COUNT;
  private static final VectorMask<Integer> ODD = VectorMask.fromLong(INTS, 0xaaaa);
  private static final IntVector OTHER_PAIR = lanes(lane -> lane ^ 2);
  private static final IntVector EVEN_OF_PAIR = lanes(lane -> lane & ~1);

  private LowestOfEights() {}

  /** Returns which lane comes to each. */
  private static IntVector lanes(IntUnaryOperator from) {
    int[] lanes = new int[COUNT];
    Arrays.setAll(lanes, from);
    return IntVector.fromArray(INTS, lanes, 0);
  }

  /**
   * Arranges a row's norms: those of the even columns of a vector, then those of its odd ones.
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
   * Clears elements of a row; see {@link LowestOfFours#clear}.
   *
   * @param norms as {@link #arranged} says
   */
  static boolean clear(MemorySegment memory, long at, boolean brain, float[] norms, long[] kept) {
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
