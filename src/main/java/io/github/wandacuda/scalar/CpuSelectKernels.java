package io.github.wandacuda.scalar;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule;

/**
 * The arithmetic of selection on single rows. {@link ScalarSelect} is the specification; every
 * other implementation equals it to the bit.
 *
 * <p>A row's elements lie side by side, little-endian, in memory off the heap that is no mapping of
 * a file. It is followed by zeros until the number of elements is a multiple of {@link #PADDING},
 * so that an implementation may read and rewrite whole vectors. Kept bits are a {@code long[]} of
 * ceil(columns / 64) entries, least significant bit first.
 */
public interface CpuSelectKernels {
  /** A row is padded to a multiple of so many elements: those of one entry of kept bits. */
  int PADDING = Long.SIZE;

  /**
   * Prepares the pruning of rows; what it returns serves one thread at a time.
   *
   * @param columns elements in a row, 1 or more
   * @param norms one for each column, finite, not negative and not -0.0
   * @param rule what is pruned, fit for the number of columns
   * @return for one thread at a time
   */
  RowPruner pruner(DType dtype, int columns, float[] norms, SelectionRule rule);

  /** Returns {@code columns}, rounded up to a multiple of {@link #PADDING}. */
  static int padded(int columns) {
    return Math.ceilDiv(columns, PADDING) * PADDING;
  }
}
