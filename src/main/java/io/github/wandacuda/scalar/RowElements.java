package io.github.wandacuda.scalar;

import io.github.wandacuda.DType;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.RowReader;
import java.lang.foreign.MemorySegment;

/** Single elements of a row in the form that {@link CpuSelectKernels} describes. */
public final class RowElements {
  /** The bits of infinity; those of a finite magnitude are below, those of a NaN above. */
  public static final int INFINITY = 0x7f80_0000;

  private static final int MAGNITUDE = 0x7fff_ffff;

  private RowElements() {}

  /** Returns the element, widened exactly to float32. */
  static float value(DType dtype, MemorySegment memory, long at, int column) {
    return dtype.value(memory, at + (long) dtype.bytes() * column);
  }

  /** Returns the bits of the element's magnitude, widened exactly to float32. */
  public static int magnitude(DType dtype, MemorySegment memory, long at, int column) {
    return Float.floatToRawIntBits(value(dtype, memory, at, column)) & MAGNITUDE;
  }

  /**
   * Returns the bits of the element's score, |w| * norm. Bits have the order of the scores.
   *
   * @param at where the row begins in {@code memory}, in bytes
   * @param norms one for each column
   */
  public static int score(DType dtype, MemorySegment memory, long at, int column, float[] norms) {
    float magnitude = Float.intBitsToFloat(magnitude(dtype, memory, at, column));
    return Float.floatToRawIntBits(magnitude * norms[column]);
  }

  /** Replaces the element by +0.0. */
  public static void clear(DType dtype, MemorySegment memory, long at, int column) {
    dtype.setBits(memory, at + (long) dtype.bytes() * column, 0);
  }

  /**
   * Returns the failure of a row that has a weight that is not finite, for the caller to throw. It
   * names the first such weight.
   */
  public static NonFiniteWeightException nonFinite(RowReader source, int row) {
    float[] values = new float[source.columns()];
    source.read(row, 0, values.length, values, 0);
    for (int c = 0; c < values.length; c++) {
      if (!Float.isFinite(values[c])) {
        return new NonFiniteWeightException(row, c, values[c]);
      }
    }
    throw new AssertionError("row " + row + " is finite");
  }

  /**
   * Counts the upper 16 bits of each element's magnitude in float32.
   *
   * @param at where the row begins in {@code memory}, in bytes
   * @param counts a count for each value of these bits, added to
   * @return the highest of them, so that the caller sees whether all elements are finite
   */
  public static int upper(DType dtype, MemorySegment memory, long at, int columns, long[] counts) {
    int highest = 0;
    for (int c = 0; c < columns; c++) {
      int upper = magnitude(dtype, memory, at, c) >>> 16;
      highest = Math.max(highest, upper);
      counts[upper]++;
    }
    return highest;
  }

  /**
   * Counts the lower 16 bits of the magnitudes whose upper 16 bits are given.
   *
   * @param at where the row begins in {@code memory}, in bytes
   * @param upper the upper bits of those that are counted
   * @param counts a count for each value of the lower bits, added to
   */
  public static void lower(
      DType dtype, MemorySegment memory, long at, int columns, int upper, long[] counts) {
    for (int c = 0; c < columns; c++) {
      int magnitude = magnitude(dtype, memory, at, c);
      if (magnitude >>> 16 == upper) {
        counts[magnitude & 0xffff]++;
      }
    }
  }
}
