package io.github.wandacuda.backend.cpu.vector;

import static io.github.wandacuda.backend.cpu.vector.Lanes.SHORTS;
import static io.github.wandacuda.backend.cpu.vector.Lanes.SHORT_COUNT;

import io.github.wandacuda.backend.cpu.PlainMemory;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;

/**
 * Takes the lower half out of each group of a row of 16-bit elements, but of those where fewer than
 * half are above it, as keys are equal there. They are left as they are, and listed.
 */
final class KeptGroups {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final int FOUR = 4;
  private static final long PAIRS = 0x5555_5555_5555_5555L;
  private static final long FOURS = 0x3333_3333_3333_3333L;
  private static final long FIRST_OF_4 = 0x1111_1111_1111_1111L;
  private static final long FIRST_OF_8 = 0x0101_0101_0101_0101L;

  private final int size;
  private final NextRow next;
  private final int[] words;
  private final long[] above;
  private int listed;

  /**
   * Prepares rows.
   *
   * @param size of a group, 4 or 8
   * @param next is loaded by the way
   */
  KeptGroups(int columns, int size, NextRow next) {
    this.size = size;
    this.next = next;
    words = new int[Math.ceilDiv(columns, Long.SIZE)];
    above = new long[words.length];
  }

  /**
   * Clears elements.
   *
   * @param kept one bit a column, 1 where it is above the lower half of its group; afterwards also
   *     in the groups that are left as they are
   */
  void clear(long[] kept, MemorySegment memory, long at) {
    if (memory.getClass() != PlainMemory.TYPE) {
      throw PlainMemory.expected();
    }
    MemorySegment ahead = next.memory();
    long start = next.start();
    long touched = 0;
    listed = 0;
    for (int word = 0; word < kept.length; word++) {
      long from = (long) Short.BYTES * Long.SIZE * word;
      touched |= NextRow.touch(ahead, start + from);
      touched |= NextRow.touch(ahead, start + from + NextRow.LINE);
      long bits = kept[word];
      if (Long.bitCount(bits) != Long.SIZE / 2) {
        bits |= list(word, bits);
        kept[word] = bits;
      }
      for (int i = 0; i < Long.SIZE; i += SHORT_COUNT) {
        long to = at + from + (long) Short.BYTES * i;
        VectorMask<Short> goes = VectorMask.fromLong(SHORTS, ~bits >>> i);
        ShortVector.fromMemorySegment(SHORTS, memory, to, ORDER)
            .blend((short) 0, goes)
            .intoMemorySegment(memory, to, ORDER);
      }
    }
    next.keep(touched);
  }

  /** Lists a word's groups where too few bits are set, and returns the bits of their columns. */
  private long list(int word, long bits) {
    words[listed] = word;
    above[listed] = bits;
    listed++;
    long firsts = firstsShort(bits);
    return (firsts << size) - firsts;
  }

  /** Returns the first column of each group where too few bits are set. */
  private long firstsShort(long bits) {
    return size == FOUR ? foursShort(bits) : eightsShort(bits);
  }

  private static long foursShort(long bits) {
    long pairs = bits - (bits >>> 1 & PAIRS);
    long counts = (pairs & FOURS) + (pairs >>> 2 & FOURS);
    return ~counts >>> 1 & FIRST_OF_4;
  }

  private static long eightsShort(long bits) {
    long pairs = bits - (bits >>> 1 & PAIRS);
    long fours = (pairs & FOURS) + (pairs >>> 2 & FOURS);
    return ~(fours + (fours >>> 4)) >>> 2 & FIRST_OF_8;
  }

  /** Returns the number of words of 64 columns with groups that were left as they are. */
  int listed() {
    return listed;
  }

  /** Returns which word is the i-th of those. */
  int word(int i) {
    return words[i];
  }

  /** Returns the first columns of the groups that were left in the i-th word, one bit each. */
  long groups(int i) {
    return firstsShort(above[i]);
  }

  /** Returns which columns of the i-th word are above the lower half of their group. */
  long above(int i) {
    return above[i];
  }
}
