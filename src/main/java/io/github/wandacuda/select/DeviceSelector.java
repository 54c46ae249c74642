package io.github.wandacuda.select;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.NonFiniteWeightException;
import java.lang.foreign.MemorySegment;
import java.util.OptionalInt;
import java.util.function.LongConsumer;

/**
 * The pruning half of a backend for matrices in the device's memory that the caller owns: results
 * are those of {@link Selector}, to the bit, and weights stay on the device.
 *
 * <p>A call's work begins after what the matrix's queue had been given before, and is done when the
 * call returns. All methods may be called from several threads at once, for different matrices.
 *
 * <p>All methods throw {@link IllegalArgumentException} if the matrix isn't in memory of this
 * device, or its memory or queue isn't of the context that it has to be of.
 */
public interface DeviceSelector {
  /**
   * Prunes a matrix where it lies.
   *
   * @param weight the weights, which become the result
   * @param norms as {@link Selector#prepare} takes them
   * @param rule what is pruned
   * @param mask takes the packed mask as in {@link SelectionPlan#select}: on the host
   * @param rowsDone called each time that more rows are pruned, with their number; what it throws
   *     ends the call
   * @return how many elements the rule picked, and how many of the result are zero
   * @throws NonFiniteWeightException if a weight is NaN or infinite. Rows above it are pruned then,
   *     and it and those below may be; its value is NaN where it was pruned itself
   * @throws IllegalArgumentException if columns, norms, rule and mask don't fit each other
   */
  Selection select(
      DeviceMatrix weight,
      float[] norms,
      SelectionRule rule,
      MemorySegment mask,
      LongConsumer rowsDone);

  /**
   * Checks all weights, and changes none.
   *
   * @throws NonFiniteWeightException if a weight is NaN or infinite
   */
  void requireFinite(DeviceMatrix weight);

  /**
   * Counts the magnitudes of a matrix as {@link Selector#countMagnitudes} does.
   *
   * @param upper the bin of upper bits to look into; empty to count these
   * @param counts are added to, on the host
   * @throws NonFiniteWeightException if upper bits are counted and a weight is NaN or infinite
   */
  void countMagnitudes(DeviceMatrix weight, OptionalInt upper, long[] counts);
}
