package io.github.wandacuda.scalar;

import io.github.wandacuda.DType;
import java.lang.foreign.MemorySegment;

/**
 * Histograms of a row's magnitudes, whose increments at scattered places leave nothing to vectors.
 */
public final class ScalarMagnitudes {
  private ScalarMagnitudes() {}

  /** Counts each element's upper half, and returns the highest of them. */
  public static int upper(DType dtype, MemorySegment memory, long at, int columns, long[] counts) {
    int highest = 0;
    for (int c = 0; c < columns; c++) {
      int upper = RowElements.magnitude(dtype, memory, at, c) >>> 16;
      highest = Math.max(highest, upper);
      counts[upper]++;
    }
    return highest;
  }

  /** Counts the lower half of each element whose upper half is {@code upper}. */
  public static void lower(
      DType dtype, MemorySegment memory, long at, int columns, int upper, long[] counts) {
    for (int c = 0; c < columns; c++) {
      int magnitude = RowElements.magnitude(dtype, memory, at, c);
      if (magnitude >>> 16 == upper) {
        counts[magnitude & 0xffff]++;
      }
    }
  }
}
