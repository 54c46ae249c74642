package io.github.wandacuda.layerwise;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Writes bits into the rows of a packed mask. */
final class KeptBits {
  private KeptBits() {}

  /**
   * Writes a row's bits, and leaves those beside them as they are. Not for two threads in one row.
   *
   * @param start where the row begins in the mask, in bytes
   * @param column the first bit's column
   * @param count how many bits
   * @param words the bits, from the lowest on
   * @param at the first word
   */
  static void write(MemorySegment mask, long start, int column, int count, long[] words, int at) {
    int done = 0;
    while (done < count) {
      int shift = (column + done) % Byte.SIZE;
      int taken = Math.min(Byte.SIZE - shift, count - done);
      long byteAt = start + (column + done) / Byte.SIZE;
      int field = ((1 << taken) - 1) << shift;
      int others = mask.get(ValueLayout.JAVA_BYTE, byteAt) & ~field;
      int bits = (int) (bits(words, at, done) << shift) & field;
      mask.set(ValueLayout.JAVA_BYTE, byteAt, (byte) (others | bits));
      done += taken;
    }
  }

  /** Returns bits from one on, the lowest eight of them right. */
  private static long bits(long[] words, int at, int from) {
    int shift = from % Long.SIZE;
    long low = words[at + from / Long.SIZE] >>> shift;
    boolean reachesNext = shift > Long.SIZE - Byte.SIZE && at + from / Long.SIZE + 1 < words.length;
    return reachesNext ? low | words[at + from / Long.SIZE + 1] << -shift : low;
  }
}
