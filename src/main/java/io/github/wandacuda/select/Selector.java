package io.github.wandacuda.select;

import io.github.wandacuda.DType;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import java.util.OptionalInt;

/**
 * The pruning half of a backend: which weights are pruned, and their zeros. Results are the same to
 * the bit on every backend.
 *
 * <p>All methods may be called from several threads at once; the backend's {@code concurrency} says
 * how many calls under way keep the device busy. A call works on what it is given and returns when
 * that is done.
 */
public interface Selector {
  /** Bins of {@link #countMagnitudes} for the upper half of a magnitude's bits. */
  int UPPER_BINS = 1 << 15;

  /** Bins of {@link #countMagnitudes} for the lower half of a magnitude's bits. */
  int LOWER_BINS = 1 << 16;

  /**
   * Prepares the selection of matrices of one type and number of columns.
   *
   * @param columns elements in a row, 0 or more
   * @param norms the norm of each input column, finite and not negative, one for each; or null for
   *     scores that are magnitudes alone
   * @param rule what is pruned
   * @return a plan for the caller to close
   * @throws IllegalArgumentException if columns, norms or rule don't fit each other
   */
  SelectionPlan prepare(DType dtype, int columns, float[] norms, SelectionRule rule);

  /**
   * Adds the distribution of magnitudes to counts, as a radix sort's pass would: by the upper half
   * of their bits, or by the lower half of those in one bin of the upper. The bits are those of the
   * exact float32 value of {@code |w|}: upper bins are {@code bits >>> 16}, lower ones {@code bits
   * & 0xffff}.
   *
   * @param upper the bin of upper bits to look into; empty to count these
   * @param counts {@link #LOWER_BINS} counts, or {@link #UPPER_BINS} of upper bits; they are added
   *     to
   * @throws NonFiniteWeightException if upper bits are counted and a weight is NaN or infinite
   */
  void countMagnitudes(WeightMatrix source, OptionalInt upper, long[] counts);

  /**
   * Returns whether plans for F32 take the codes of a {@link io.github.wandacuda.QuantizedMatrix},
   * too.
   */
  default boolean takesCodes() {
    return false;
  }

  /**
   * Returns the bytes of one row of a packed mask, see {@link SelectionPlan#select}.
   *
   * @param columns bits of the row
   */
  static long maskRowBytes(int columns) {
    return (columns + 7L) / 8;
  }
}
