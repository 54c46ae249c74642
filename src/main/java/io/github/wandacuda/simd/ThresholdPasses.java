package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.SHORTS;
import static io.github.wandacuda.simd.Lanes.SHORT_COUNT;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.MAX;

import io.github.wandacuda.DType;
import io.github.wandacuda.system.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;

/**
 * Passes over rows of 16-bit elements that compare each element with a threshold of its column. For
 * F32, the passes are over {@link CodeRows}, whose elements are all finite and of which none is
 * cleared.
 */
public final class ThresholdPasses {
  /** What {@link #below} returns for a row that holds a NaN or an infinity. */
  public static final int NON_FINITE = -1;

  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final short MAGNITUDE = Short.MAX_VALUE;
  private static final int SIGN = Short.SIZE - 1;

  private final long[] inside;
  private final RowPass[] count;
  private final RowPass[] clear;
  private short[] lower;
  private short[] upper;
  private int result;

  /**
   * Prepares rows.
   *
   * @param dtype a type of 16 bits, or F32 for codes
   */
  public ThresholdPasses(DType dtype, int columns) {
    inside = new long[Math.ceilDiv(columns, Long.SIZE)];
    if (dtype == DType.F32) {
      count = new RowPass[] {(memory, at, kept) -> result = bytesBelow(memory, lower, kept)};
      clear =
          new RowPass[] {
            (memory, at, kept) -> result = takeBytes(memory, lower, upper, kept, inside)
          };
      return;
    }
    short infinity = Scores.infinity(dtype == DType.BF16);
    count = new RowPass[] {(memory, at, kept) -> result = below(memory, at, lower, infinity)};
    clear =
        new RowPass[] {
          (memory, at, kept) -> result = clear(memory, at, lower, upper, kept, inside)
        };
  }

  /**
   * Counts the elements of a row that are below their columns' thresholds.
   *
   * @param at where the row begins, in bytes
   * @param kept isn't changed
   * @param thresholds magnitudes as the bits of an element, one for each column
   * @return how many, or {@link #NON_FINITE}
   */
  public int below(MemorySegment memory, long at, long[] kept, short[] thresholds) {
    lower = thresholds;
    RowPass.runAll(count, memory, at, kept);
    return result;
  }

  /**
   * Clears the elements below their lower thresholds.
   *
   * @param at where the row begins, in bytes
   * @param kept receives one bit for each column, 0 if it is cleared
   * @param lowest the lower thresholds, as {@link #below} takes them
   * @param highest the upper thresholds, likewise
   * @return how many elements are between their thresholds; {@link #inside} says which
   */
  public int clear(MemorySegment memory, long at, long[] kept, short[] lowest, short[] highest) {
    lower = lowest;
    upper = highest;
    RowPass.runAll(clear, memory, at, kept);
    return result;
  }

  /**
   * Returns one bit for each column, 1 if the last {@link #clear} counted its element. The array is
   * reused.
   */
  public long[] inside() {
    return inside;
  }

  private static int below(MemorySegment memory, long at, short[] thresholds, short infinity) {
    if (memory.getClass() != NativeMemory.TYPE) {
      throw NativeMemory.expected();
    }
    ShortVector highest = ShortVector.zero(SHORTS);
    ShortVector below = ShortVector.zero(SHORTS);
    for (int c = 0; c < thresholds.length; c += SHORT_COUNT) {
      long from = at + (long) Short.BYTES * c;
      ShortVector magnitude =
          ShortVector.fromMemorySegment(SHORTS, memory, from, ORDER).and(MAGNITUDE);
      ShortVector threshold = ShortVector.fromArray(SHORTS, thresholds, c);
      highest = highest.max(magnitude);
      below = below.add(magnitude.sub(threshold).lanewise(LSHR, SIGN));
    }
    return highest.reduceLanes(MAX) < infinity ? KeyCounts.sum(below) : NON_FINITE;
  }

  private static int clear(
      MemorySegment memory, long at, short[] lower, short[] upper, long[] kept, long[] inside) {
    if (memory.getClass() != NativeMemory.TYPE) {
      throw NativeMemory.expected();
    }
    int count = 0;
    for (int word = 0; word < kept.length; word++) {
      long pruned = 0;
      long under = 0;
      for (int i = 0; i < Long.SIZE; i += SHORT_COUNT) {
        int column = word * Long.SIZE + i;
        long to = at + (long) Short.BYTES * column;
        ShortVector elements = ShortVector.fromMemorySegment(SHORTS, memory, to, ORDER);
        ShortVector magnitude = elements.and(MAGNITUDE);
        ShortVector low = ShortVector.fromArray(SHORTS, lower, column);
        ShortVector high = ShortVector.fromArray(SHORTS, upper, column);
        VectorMask<Short> belowLow = magnitude.compare(LT, low);
        VectorMask<Short> belowHigh = magnitude.compare(LT, high);
        elements.blend((short) 0, belowLow).intoMemorySegment(memory, to, ORDER);
        pruned |= belowLow.toLong() << i;
        under |= belowHigh.toLong() << i;
      }
      count += note(word, pruned, under, kept, inside);
    }
    return count;
  }

  /**
   * Writes a word of {@code kept} and of {@code inside}.
   *
   * @return how many columns of the word are inside
   */
  private static int note(int word, long pruned, long under, long[] kept, long[] inside) {
    kept[word] = ~pruned;
    inside[word] = under & ~pruned;
    return Long.bitCount(under & ~pruned);
  }

  /** Returns the bytes of a vector, from a column on, that are below their thresholds. */
  private static VectorMask<Byte> bytesBelow(MemorySegment row, int column, short[] thresholds) {
    ShortVector bytes = ShortVector.fromMemorySegment(SHORTS, row, column, ORDER);
    ShortVector limits = ShortVector.fromArray(SHORTS, thresholds, column / 2);
    return bytes.reinterpretAsBytes().compare(LT, limits.reinterpretAsBytes());
  }

  private static int bytesBelow(MemorySegment row, short[] thresholds, long[] kept) {
    if (row.getClass() != NativeMemory.TYPE) {
      throw NativeMemory.expected();
    }
    int below = 0;
    for (int column = 0; column < kept.length * Long.SIZE; column += 2 * SHORT_COUNT) {
      below += bytesBelow(row, column, thresholds).trueCount();
    }
    return below;
  }

  private static int takeBytes(
      MemorySegment row, short[] lower, short[] upper, long[] kept, long[] inside) {
    if (row.getClass() != NativeMemory.TYPE) {
      throw NativeMemory.expected();
    }
    int count = 0;
    for (int word = 0; word < kept.length; word++) {
      long pruned = 0;
      long under = 0;
      for (int i = 0; i < Long.SIZE; i += 2 * SHORT_COUNT) {
        pruned |= bytesBelow(row, word * Long.SIZE + i, lower).toLong() << i;
        under |= bytesBelow(row, word * Long.SIZE + i, upper).toLong() << i;
      }
      count += note(word, pruned, under, kept, inside);
    }
    return count;
  }
}
