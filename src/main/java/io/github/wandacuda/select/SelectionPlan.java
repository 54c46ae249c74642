package io.github.wandacuda.select;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;

/**
 * A selection that is prepared: its rule and norms are checked and lie where the device reads them.
 * It serves any number of matrices of one type and number of columns, such as the tiles of one; for
 * several threads at once.
 */
public interface SelectionPlan extends AutoCloseable {
  /**
   * Writes {@code source} to {@code destination} with the elements that the rule picks replaced by
   * +0.0 and every other element's bits as they were.
   *
   * @param source the weights, of the plan's type and number of columns
   * @param destination where the result goes, of the same type and shape; may be {@code source}
   *     itself, but not overlap it otherwise; null for the mask and the counts alone
   * @param mask where the packed mask goes, rows * ceil(columns / 8) bytes: one bit a column, 0 =
   *     pruned by this call, 1 = kept, least significant bit first, each row padded with 0; or null
   * @return how many elements the rule picked, and how many of the result are zero
   * @throws NonFiniteWeightException if a weight is NaN or infinite; the destination's content is
   *     then undefined
   * @throws IllegalArgumentException if shapes or types don't fit each other
   */
  Selection select(WeightMatrix source, WeightMatrix destination, MemorySegment mask);

  /**
   * Prunes rows of a matrix where it lies on the device, and the same rows in host memory as {@link
   * #select(WeightMatrix, WeightMatrix, MemorySegment)} does: so no weight has to be copied from
   * one to the other.
   *
   * @param matrix of this backend; no work on it is under way but on other rows
   * @param first the number of the first row in it
   * @param rows the rows as they are on the device, in host memory
   * @param mask as above, but not null
   * @return how many elements the rule picked, and how many of the result are zero
   * @throws NonFiniteWeightException if a weight is NaN or infinite; the rows on the device are
   *     then undefined
   * @throws UnsupportedOperationException if the backend keeps no matrix of its own
   */
  default Selection select(
      ResidentMatrix matrix, int first, WeightMatrix rows, MemorySegment mask) {
    throw new UnsupportedOperationException("this backend keeps no matrix of its own");
  }

  /**
   * Prunes codes in place: they are selected by the F32 weights that they stand for, and what is
   * picked becomes the code of zero.
   *
   * @param mask takes a bit for each weight, 1 where it is kept
   * @return how many weights the rule picked, and how many of the result are zero
   * @throws UnsupportedOperationException unless {@link Selector#takesCodes}
   */
  default Selection select(QuantizedMatrix codes, MemorySegment mask) {
    throw new UnsupportedOperationException("this backend takes no codes");
  }

  /** Gives back what the plan holds, once no call is under way; before the backend is closed. */
  @Override
  void close();
}
