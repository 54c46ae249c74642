package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.INTS;
import static io.github.wandacuda.simd.Lanes.SHORTS;
import static io.github.wandacuda.simd.Lanes.SHORT_COUNT;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.ROL;

import io.github.wandacuda.system.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;

/**
 * Clears the elements of each group of four that have at least two keys above them: the two lowest,
 * unless keys are equal there. A group is a 64-bit lane, so rotated lanes bring each key its
 * others. No key is negative, so the sign of a difference tells which one is lower, and two of
 * three signs are a majority.
 *
 * <p>Elements are read, scored, compared and written in one loop, which then takes hardly longer
 * than the memory: with three loops over a row, one for each step, 4096 BF16 columns took 1.3 µs,
 * and take 0.6 to 0.8, of which 0.4 in a cache (one thread of a Zen 4). In so long a loop C2 stops
 * inlining our own methods once it has made 18,000 nodes ("NodeCountInliningCutoff", 25.0.3), and
 * what it calls instead works on vectors as objects, six times slower. So those come first, and the
 * rest is written out.
 */
final class LowestOfFours {
  private static final int PAIRS = Long.SIZE / 2;

  private LowestOfFours() {}

  /**
   * Clears elements of a row.
   *
   * @param brain whether elements are BF16, not F16
   * @param norms as {@link KeyLayout} arranges them
   * @param kept one bit for each column, 0 where it is cleared
   * @return whether all elements are finite; those from the first on that isn't are left
   */
  static boolean clear(MemorySegment memory, long at, boolean brain, float[] norms, long[] kept) {
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
        IntVector elements = IntVector.fromMemorySegment(INTS, memory, to, ByteOrder.LITTLE_ENDIAN);
        IntVector magnitudes = Scores.halfMagnitudes(elements);
        ShortVector key = Scores.halves(magnitudes, brain, norms, pair, stride + pair);
        LongVector group = key.reinterpretAsLongs();
        ShortVector a = key.sub(group.lanewise(ROL, Short.SIZE).reinterpretAsShorts());
        ShortVector b = key.sub(group.lanewise(ROL, 2 * Short.SIZE).reinterpretAsShorts());
        ShortVector c = key.sub(group.lanewise(ROL, 3 * Short.SIZE).reinterpretAsShorts());
        VectorMask<Short> lower = a.and(b).or(c.and(a.or(b))).compare(LT, 0);
        elements
            .reinterpretAsShorts()
            .blend((short) 0, lower)
            .intoMemorySegment(memory, to, ByteOrder.LITTLE_ENDIAN);
        pruned |= lower.toLong() << (2 * i);
      }
      kept[word] = ~pruned;
    }
    return true;
  }

  private static long place(long at, int pair) {
    return at + (long) Integer.BYTES * pair;
  }
}
