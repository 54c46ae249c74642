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
   * @param norms the norm of each input column, finite and not negative, one for each; or null for
   *     scores that are magnitudes alone
   * @throws IllegalArgumentException if columns, norms or rule don't fit each other
   */
  SelectionPlan prepare(DType dtype, int columns, float[] norms, SelectionRule rule);

  /**
   * Adds the distribution of the magnitudes' upper bits to {@code counts}: an element's bin is
   * {@code bits(|w|) >>> 16} with the bits of its exact float32 value. Or that of their lower bits,
   * {@code bits(|w|) & 0xffff}, of the elements with the same upper ones.
   *
   * @param upper the bin of upper bits to look into; empty to count these
   * @param counts {@link #LOWER_BINS} counts; of upper bits {@link #UPPER_BINS}
   * @throws NonFiniteWeightException if upper bits are counted and a weight is NaN or infinite
   */
  void countMagnitudes(WeightMatrix source, OptionalInt upper, long[] counts);

  /** Returns whether plans for F32 take codes, too. */
  default boolean takesCodes() {
    return false;
  }

  /** Returns the bytes of one row of a packed mask, see {@link SelectionPlan#select}. */
  static long maskRowBytes(int columns) {
    return (columns + 7L) / 8;
  }
}
