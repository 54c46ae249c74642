package io.github.wandacuda.backend;

import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;

/**
 * Checks what a {@link Selector} is given, for those who implement one; all throw {@link
 * IllegalArgumentException}.
 */
public final class SelectionArguments {
  private SelectionArguments() {}

  /** Checks the arguments of {@link Selector#select}, all but the norms. */
  public static void check(
      WeightMatrix source, SelectionRule rule, WeightMatrix destination, MemorySegment mask) {
    if (source.dtype() != destination.dtype()
        || source.rows() != destination.rows()
        || source.columns() != destination.columns()) {
      throw new IllegalArgumentException(
          "source is %d x %d %s, destination %d x %d %s"
              .formatted(
                  source.rows(),
                  source.columns(),
                  source.dtype(),
                  destination.rows(),
                  destination.columns(),
                  destination.dtype()));
    }
    long needed = source.rows() * Selector.maskRowBytes(source.columns());
    if (mask != null && mask.byteSize() < needed) {
      throw new IllegalArgumentException(
          "the mask needs %d bytes, its memory has %d".formatted(needed, mask.byteSize()));
    }
    Objects.requireNonNull(rule, "rule").check(source.columns());
  }

  /**
   * Returns a copy of the norms without -0.0, or ones, which leave magnitudes as they are.
   *
   * @param norms one for each column, or null
   */
  public static float[] norms(float[] norms, int columns) {
    float[] checked = new float[columns];
    if (norms == null) {
      Arrays.fill(checked, 1.0f);
      return checked;
    }
    if (norms.length != columns) {
      throw new IllegalArgumentException(
          "%d norms for %d columns".formatted(norms.length, columns));
    }
    for (int c = 0; c < columns; c++) {
      if (!(norms[c] >= 0 && norms[c] <= Float.MAX_VALUE)) {
        throw new IllegalArgumentException("norm %d is %s".formatted(c, norms[c]));
      }
      checked[c] = norms[c] + 0.0f;
    }
    return checked;
  }

  /** Checks the length of {@link Selector#countMagnitudes}' counts. */
  public static void checkBins(long[] counts, int bins) {
    if (counts.length != bins) {
      throw new IllegalArgumentException("%d counts for %d bins".formatted(counts.length, bins));
    }
  }
}
