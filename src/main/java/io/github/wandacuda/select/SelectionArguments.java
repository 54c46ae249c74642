package io.github.wandacuda.select;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * What {@link Selector#prepare} is given, checked: for those who implement one. All checks here
 * throw {@link IllegalArgumentException}.
 *
 * @param dtype the weights' type
 * @param columns elements in a row
 * @param norms without -0.0, or ones, which leave magnitudes as they are, where null is given; the
 *     array is not to be changed
 * @param rule which was found to fit the columns
 */
@SuppressWarnings("ArrayRecordComponent") // Compared by isSame alone.
public record SelectionArguments(DType dtype, int columns, float[] norms, SelectionRule rule) {
  public SelectionArguments {
    Objects.requireNonNull(dtype, "dtype");
    Objects.requireNonNull(rule, "rule");
    rule.check(columns);
    norms = norms(norms, columns);
  }

  private static float[] norms(float[] norms, int columns) {
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

  /** Returns whether the other selection picks the same elements of the same matrices. */
  public boolean isSame(SelectionArguments other) {
    return dtype == other.dtype
        && columns == other.columns
        && rule.equals(other.rule)
        && Arrays.equals(norms, other.norms);
  }

  /**
   * Checks the arguments of {@link SelectionPlan#select}.
   *
   * @param destination null for none
   * @param mask null for none
   * @throws IllegalArgumentException if types or shapes aren't the plan's, or the mask has no room
   */
  public void check(WeightMatrix source, WeightMatrix destination, MemorySegment mask) {
    if (source.dtype() != dtype || source.columns() != columns) {
      throw new IllegalArgumentException(
          "the plan is for %d columns of %s, the source has %d of %s"
              .formatted(columns, dtype, source.columns(), source.dtype()));
    }
    if (destination != null
        && (source.dtype() != destination.dtype()
            || source.rows() != destination.rows()
            || source.columns() != destination.columns())) {
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
    checkMask(source.rows(), source.columns(), mask);
  }

  /**
   * Checks that a packed mask has room for a matrix.
   *
   * @param mask null for none, which passes
   * @throws IllegalArgumentException if it hasn't
   */
  public static void checkMask(int rows, int columns, MemorySegment mask) {
    long needed = rows * Selector.maskRowBytes(columns);
    if (mask != null && mask.byteSize() < needed) {
      throw new IllegalArgumentException(
          "the mask needs %d bytes, its memory has %d".formatted(needed, mask.byteSize()));
    }
  }

  /**
   * Checks the arguments of {@link Selector#countMagnitudes}.
   *
   * @param upper the bin of upper bits; empty to count these
   * @throws IndexOutOfBoundsException if there is no such bin
   * @throws IllegalArgumentException if there isn't a count for each bin
   */
  public static void checkBins(OptionalInt upper, long[] counts) {
    upper.ifPresent(bin -> Objects.checkIndex(bin, Selector.UPPER_BINS));
    int bins = upper.isPresent() ? Selector.LOWER_BINS : Selector.UPPER_BINS;
    if (counts.length != bins) {
      throw new IllegalArgumentException("%d counts for %d bins".formatted(counts.length, bins));
    }
  }
}
