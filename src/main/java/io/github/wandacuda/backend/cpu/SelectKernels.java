package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.tensor.DType;

/**
 * The arithmetic of selection on single rows in heap memory. {@link ScalarSelect} is the
 * specification; every other implementation equals it to the bit.
 *
 * <p>A row is an {@code int[]} of words that hold its bytes in little-endian order: an F32 element
 * fills a word; of two 16-bit elements the one with the even column is the word's lower half. The
 * array's length is a multiple of {@link #PADDING}, and everything past the row is zero, so that an
 * implementation may read and rewrite whole vectors. Kept bits are a {@code long[]} of ceil(columns
 * / 64) entries, least significant bit first.
 */
public interface SelectKernels {
  /** The length of a row's array is a multiple of this many words. */
  int PADDING = 16;

  /**
   * Prepares the pruning of rows; what it returns serves one thread at a time.
   *
   * @param dtype the elements' type
   * @param columns elements in a row, 1 or more
   * @param norms one for each column, finite, not negative and not -0.0
   * @param rule what is pruned, fit for the number of columns
   */
  RowPruner pruner(DType dtype, int columns, float[] norms, SelectionRule rule);

  /** Returns the number of elements of a row that are +0.0 or -0.0. */
  int countZeros(DType dtype, int[] words, int columns);
}
