package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.INTS;
import static io.github.wandacuda.simd.Lanes.LONGS;
import static io.github.wandacuda.simd.Lanes.SHORTS;
import static io.github.wandacuda.simd.Lanes.SHORT_COUNT;
import static jdk.incubator.vector.VectorOperators.BIT_COUNT;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.NE;

import io.github.wandacuda.system.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;

/**
 * Removes elements from a row: writes zeros in their places, and a bit for each column, 1 if it is
 * kept.
 */
public final class RowMaskWriter {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final int UPPER_HALF = 0xffff_0000;

  /** The most columns that can be listed. */
  public static final int MOST_LISTED = 128;

  private final KeyLayout places;
  private final int[] listed = new int[MOST_LISTED];
  private final long[] equal;

  /**
   * Prepares rows.
   *
   * @param places where the keys lie
   */
  public RowMaskWriter(KeyLayout places) {
    this.places = places;
    equal = new long[Math.ceilDiv(places.columns(), Long.SIZE)];
  }

  /**
   * Returns the columns that the last {@link #clear} listed, in no order, from the array's start
   * on; the array is reused.
   */
  public int[] listed() {
    return listed;
  }

  /**
   * Clears the elements whose 16-bit keys are below a threshold.
   *
   * @param keys one for each column, at {@link KeyLayout#highAt}
   * @param threshold the lowest key that is kept
   * @param listing whether to list the columns whose key equals the threshold, at most {@link
   *     #MOST_LISTED}
   * @param memory holds the row
   * @param at where the row begins, in bytes
   * @param kept receives one bit for each column, 0 if it is cleared
   * @return how many columns are listed
   */
  public int clear(
      short[] keys, int threshold, boolean listing, MemorySegment memory, long at, long[] kept) {
    int count =
        places.count() == 1
            ? clearWide(keys, threshold << Short.SIZE, listing, memory, at, kept)
            : clear(keys, (short) threshold, listing, memory, at, kept);
    trim(places.columns(), kept);
    return count;
  }

  /** Sets the bits behind the last column to 0. */
  public static void trim(int columns, long[] kept) {
    int tail = columns % Long.SIZE;
    if (tail != 0) {
      kept[kept.length - 1] &= -1L >>> -tail;
    }
  }

  private int clear(
      short[] keys, short threshold, boolean listing, MemorySegment memory, long at, long[] kept) {
    clear(keys, threshold, memory, at, kept, equal);
    return listing ? list(equal) : 0;
  }

  private static void clear(
      short[] keys, short threshold, MemorySegment memory, long at, long[] kept, long[] equal) {
    if (memory.getClass() != NativeMemory.TYPE) {
      throw NativeMemory.expected();
    }
    int end = kept.length * Long.SIZE;
    for (int column = 0; column < end; column += Long.SIZE) {
      long pruned = 0;
      long ties = 0;
      for (int i = 0; i < Long.SIZE; i += SHORT_COUNT) {
        ShortVector key = ShortVector.fromArray(SHORTS, keys, column + i);
        long to = at + (long) Short.BYTES * (column + i);
        ShortVector elements = ShortVector.fromMemorySegment(SHORTS, memory, to, ORDER);
        VectorMask<Short> lower = key.compare(LT, threshold);
        elements.blend((short) 0, lower).intoMemorySegment(memory, to, ORDER);
        pruned |= lower.toLong() << i;
        ties |= key.compare(EQ, threshold).toLong() << i;
      }
      kept[column / Long.SIZE] = ~pruned;
      equal[column / Long.SIZE] = ties;
    }
  }

  private int list(long[] bits) {
    int count = 0;
    for (int first = 0; first < bits.length; first += Long.SIZE) {
      for (long left = notZero(bits, first); left != 0; left &= left - 1) {
        int word = first + Long.numberOfTrailingZeros(left);
        count = list(word * Long.SIZE, bits[word], count);
      }
    }
    return count;
  }

  private int clearWide(
      short[] keys, int threshold, boolean listing, MemorySegment memory, long at, long[] kept) {
    if (memory.getClass() != NativeMemory.TYPE) {
      throw NativeMemory.expected();
    }
    Arrays.fill(kept, -1L);
    int count = 0;
    for (int c = 0; c < keys.length; c += SHORT_COUNT) {
      IntVector pair = ShortVector.fromArray(SHORTS, keys, c).reinterpretAsInts();
      IntVector first = pair.lanewise(LSHL, Short.SIZE);
      IntVector second = pair.and(UPPER_HALF);
      VectorMask<Integer> firstGoes = first.compare(LT, threshold);
      VectorMask<Integer> secondGoes = second.compare(LT, threshold);
      long to = at + (long) Integer.BYTES * c;
      clear(memory, to, firstGoes);
      clear(memory, to + (long) Integer.BYTES * COUNT, secondGoes);
      kept[c / Long.SIZE] ^= (firstGoes.toLong() | secondGoes.toLong() << COUNT) << c;
      VectorMask<Integer> firstEqual = first.compare(EQ, threshold);
      VectorMask<Integer> secondEqual = second.compare(EQ, threshold);
      if (listing && firstEqual.or(secondEqual).anyTrue()) {
        count = list(c, firstEqual.toLong() | secondEqual.toLong() << COUNT, count);
      }
    }
    return count;
  }

  private static void clear(MemorySegment memory, long at, VectorMask<Integer> pruned) {
    IntVector.fromMemorySegment(INTS, memory, at, ORDER)
        .blend(0, pruned)
        .intoMemorySegment(memory, at, ORDER);
  }

  private int list(int column, long bits, int already) {
    int count = already;
    for (long left = bits; left != 0; left &= left - 1) {
      listed[count++] = column + Long.numberOfTrailingZeros(left);
    }
    return count;
  }

  /**
   * Writes +0.0 over the elements of a row whose bits are 0.
   *
   * @param kept one bit for each column
   * @param at where the row begins, in bytes
   */
  public void apply(long[] kept, MemorySegment memory, long at) {
    if (memory.getClass() != NativeMemory.TYPE) {
      throw NativeMemory.expected();
    }
    if (places.count() == 1) {
      applyWide(kept, memory, at);
      return;
    }
    for (int c = 0; c < places.length(); c += SHORT_COUNT) {
      long to = at + (long) Short.BYTES * c;
      VectorMask<Short> pruned = VectorMask.fromLong(SHORTS, ~kept[c / Long.SIZE] >>> c);
      ShortVector.fromMemorySegment(SHORTS, memory, to, ORDER)
          .blend((short) 0, pruned)
          .intoMemorySegment(memory, to, ORDER);
    }
  }

  private void applyWide(long[] kept, MemorySegment memory, long at) {
    if (memory.getClass() != NativeMemory.TYPE) {
      throw NativeMemory.expected();
    }
    for (int c = 0; c < places.length(); c += COUNT) {
      long to = at + (long) Integer.BYTES * c;
      VectorMask<Integer> pruned = VectorMask.fromLong(INTS, ~kept[c / Long.SIZE] >>> c);
      clear(memory, to, pruned);
    }
  }

  /**
   * Returns one bit for each of up to 64 words from {@code first} on, 1 if the word isn't 0. A
   * branch at each word would cost more than the vectors, since it is predicted wrongly at exactly
   * those words that aren't 0.
   */
  static long notZero(long[] words, int first) {
    int end = Math.min(words.length, first + Long.SIZE);
    long found = 0;
    int word = first;
    for (; word <= end - LONGS.length(); word += LONGS.length()) {
      LongVector bits = LongVector.fromArray(LONGS, words, word);
      found |= bits.compare(NE, 0).toLong() << (word - first);
    }
    for (; word < end; word++) {
      found |= (words[word] == 0 ? 0L : 1L) << (word - first);
    }
    return found;
  }

  /** Returns in which of up to 64 words from {@code first} on not just half of the bits are set. */
  static long notHalf(long[] words, int first) {
    int end = Math.min(words.length, first + Long.SIZE);
    long found = 0;
    int word = first;
    for (; word <= end - LONGS.length(); word += LONGS.length()) {
      LongVector counts = LongVector.fromArray(LONGS, words, word).lanewise(BIT_COUNT);
      found |= counts.compare(NE, Long.SIZE / 2).toLong() << (word - first);
    }
    for (; word < end; word++) {
      found |= (Long.bitCount(words[word]) == Long.SIZE / 2 ? 0L : 1L) << (word - first);
    }
    return found;
  }
}
