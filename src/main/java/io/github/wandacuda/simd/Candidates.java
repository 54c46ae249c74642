package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.INTS;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.LT;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.RowElements;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.IntVector;

/**
 * The whole scores of a few elements of a row, of which the lowest are cleared.
 *
 * <p>About one column in 64 is listed. A loop over the bits of each word would end after a random
 * number of steps, which the processor predicts wrongly for every other word; that takes longer
 * than always writing {@link #ALWAYS} places that the next word overwrites.
 */
public final class Candidates {
  /** How many elements can be listed. */
  public static final int MOST = 512;

  /** So many places are written for each word, even if it has fewer bits. */
  private static final int ALWAYS = 3;

  /**
   * Steps that assume evenly spread scores, as a few mostly are; after these the range is halved.
   */
  private static final int INTERPOLATIONS = 4;

  private final DType dtype;
  private final float[] norms;
  private final CodeRows codes;
  private final int[] columns = new int[MOST + ALWAYS];
  private final int[] scores = new int[MOST];
  private int count;
  private int padded;

  /**
   * Prepares rows.
   *
   * @param dtype the elements' type
   * @param norms a norm for each column
   * @param codes rows of codes to score instead of elements, none of which is cleared; or null
   */
  public Candidates(DType dtype, float[] norms, CodeRows codes) {
    this.dtype = dtype;
    this.norms = norms;
    this.codes = codes;
  }

  /**
   * Lists elements, in the order of their columns.
   *
   * @param memory holds the row
   * @param at where the row begins, in bytes
   * @param which one bit for each column, at most {@link #MOST} of them 1
   */
  public void list(MemorySegment memory, long at, long[] which) {
    count = list(which, columns);
    padded = Math.ceilDiv(count, COUNT) * COUNT;
    for (int i = 0; i < count; i++) {
      scores[i] = score(memory, at, columns[i]);
    }
    Arrays.fill(scores, count, padded, Integer.MAX_VALUE);
  }

  /** Returns the bits of an element's score. */
  public int score(MemorySegment memory, long at, int column) {
    return codes == null
        ? RowElements.score(dtype, memory, at, column, norms)
        : codes.score(column);
  }

  private static int list(long[] which, int[] columns) {
    int count = 0;
    for (int word = 0; word < which.length; word++) {
      int first = word * Long.SIZE;
      long bits = which[word];
      int end = count + Long.bitCount(bits);
      for (int i = 0; i < ALWAYS; i++) {
        columns[count + i] = first + Long.numberOfTrailingZeros(bits);
        bits &= bits - 1;
      }
      for (int i = count + ALWAYS; i < end; i++) {
        columns[i] = first + Long.numberOfTrailingZeros(bits);
        bits &= bits - 1;
      }
      count = end;
    }
    return count;
  }

  /**
   * Clears the listed elements with the lowest scores, among equal ones those in the lowest
   * columns.
   *
   * @param wanted how many, at most as many as are listed
   * @param lowest a number that no score is below
   * @param above a number that all scores are below
   * @param kept receives a 0 for each column that is cleared
   * @return a threshold: no cleared element's score is above it, and no other listed element's is
   *     below
   */
  public int clearLowest(
      int wanted, int lowest, int above, MemorySegment memory, long at, long[] kept) {
    int threshold = threshold(wanted, lowest, above);
    int left = wanted;
    for (int i = 0; i < padded; i += Long.SIZE) {
      left -= clear(i, below(i, threshold), Long.SIZE, memory, at, kept);
    }
    for (int i = 0; left > 0; i += COUNT) {
      long equal = IntVector.fromArray(INTS, scores, i).compare(EQ, threshold).toLong();
      left -= clear(i, equal, left, memory, at, kept);
    }
    return threshold;
  }

  /**
   * Clears at most {@code most} of the elements whose bits are set.
   *
   * @param from the number of the element of the lowest bit
   * @return how many were cleared
   */
  private int clear(int from, long bits, int most, MemorySegment memory, long at, long[] kept) {
    int end = Math.min(most, Long.bitCount(bits));
    long left = bits;
    for (int i = 0; i < end; i++) {
      int column = columns[from + Long.numberOfTrailingZeros(left)];
      if (codes == null) {
        RowElements.clear(dtype, memory, at, column);
      }
      kept[column / Long.SIZE] &= ~(1L << column);
      left &= left - 1;
    }
    return end;
  }

  /**
   * Returns a score that at most {@code wanted} scores are below, and at least {@code wanted} are
   * below or equal.
   */
  private int threshold(int wanted, int lowest, int above) {
    int low = lowest;
    int high = above;
    int belowLow = 0;
    int belowHigh = count;
    if (wanted == count) {
      return above;
    }
    for (int steps = 0; high - low > 1; steps++) {
      long share = (long) (high - low) * (wanted - belowLow) / (belowHigh - belowLow);
      boolean spread = steps < INTERPOLATIONS;
      int middle = spread ? (int) Math.clamp(low + share, low + 1L, high - 1L) : (low + high) >>> 1;
      int below = below(middle);
      if (below == wanted) {
        return middle;
      }
      if (below < wanted) {
        low = middle;
        belowLow = below;
      } else {
        high = middle;
        belowHigh = below;
      }
    }
    return low;
  }

  private int below(int threshold) {
    int below = 0;
    for (int i = 0; i < padded; i += COUNT) {
      below += IntVector.fromArray(INTS, scores, i).compare(LT, threshold).trueCount();
    }
    return below;
  }

  /**
   * Returns one bit for each of the 64 scores from {@code first} on, 1 if it is below a threshold.
   */
  private long below(int first, int threshold) {
    int end = Math.min(padded, first + Long.SIZE);
    long below = 0;
    for (int i = first; i < end; i += COUNT) {
      below |= IntVector.fromArray(INTS, scores, i).compare(LT, threshold).toLong() << (i - first);
    }
    return below;
  }
}
