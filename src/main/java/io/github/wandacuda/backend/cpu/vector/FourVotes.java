package io.github.wandacuda.backend.cpu.vector;

import static io.github.wandacuda.backend.cpu.vector.Lanes.SHORTS;
import static io.github.wandacuda.backend.cpu.vector.Lanes.SHORT_COUNT;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.ROL;

import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;

/**
 * Tells which of four {@link HighKeys} are above two of the others. A group is a 64-bit lane, so
 * rotated lanes bring each key its others. No key is negative, so the sign of a difference tells
 * which one is lower, and two of three signs are a majority.
 */
final class FourVotes {
  private FourVotes() {}

  /** Writes one bit a column, 1 where the key is above two others of its group. */
  static void above(short[] keys, long[] above) {
    for (int word = 0; word < above.length; word++) {
      long bits = 0;
      for (int i = 0; i < Long.SIZE; i += SHORT_COUNT) {
        ShortVector key = ShortVector.fromArray(SHORTS, keys, word * Long.SIZE + i);
        LongVector group = key.reinterpretAsLongs();
        ShortVector a = rotated(group, 1).sub(key);
        ShortVector b = rotated(group, 2).sub(key);
        ShortVector c = rotated(group, 3).sub(key);
        ShortVector majority = a.and(b).or(c.and(a.or(b)));
        bits |= majority.compare(LT, 0).toLong() << i;
      }
      above[word] = bits;
    }
  }

  private static ShortVector rotated(LongVector groups, int columns) {
    return groups.lanewise(ROL, columns * Short.SIZE).reinterpretAsShorts();
  }
}
