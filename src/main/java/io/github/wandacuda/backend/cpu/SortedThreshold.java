package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.RowElements;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The threshold of a matrix's first row, found by sorting in plain Java. {@link LowestOfRow} would
 * find it too, but with one row a matrix it would not be compiled before hundreds of matrices are
 * pruned, and takes milliseconds a row as long: 0.6 s of 4.5 for a checkpoint of 3 GiB.
 *
 * @param score the lowest score that is kept, as bits
 * @param equal how many elements have it
 * @param sharing about how many elements there are in as many bits as scores with the same upper
 *     half are apart
 */
record SortedThreshold(int score, int equal, int sharing) {
  private static final int REACH = 8;

  /**
   * Finds a row's threshold.
   *
   * @param wanted how many go, fewer than there are
   */
  static SortedThreshold of(DType dtype, MemorySegment memory, long at, float[] norms, int wanted) {
    int[] scores = new int[norms.length];
    for (int column = 0; column < scores.length; column++) {
      scores[column] = RowElements.score(dtype, memory, at, column, norms);
    }
    Arrays.sort(scores);
    int threshold = scores[wanted];
    int equal = 0;
    int near = 0;
    for (int score : scores) {
      equal += score == threshold ? 1 : 0;
      near += Math.abs((long) score - threshold) < (long) REACH << Short.SIZE ? 1 : 0;
    }
    return new SortedThreshold(threshold, equal, near / (2 * REACH));
  }
}
