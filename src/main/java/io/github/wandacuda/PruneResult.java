package io.github.wandacuda;

/**
 * What came of a matrix.
 *
 * @param rows output features
 * @param columns input features
 * @param pruned weights that the mask takes out, those that were zero before included
 * @param zeros weights of the result that are +0.0 or -0.0
 */
public record PruneResult(long rows, long columns, long pruned, long zeros) {
  /** {@return the number of weights} */
  public long elements() {
    return rows * columns;
  }

  /** {@return the share of zeros in the result, 0 if there are no weights} */
  public double sparsity() {
    return elements() == 0 ? 0 : (double) zeros / elements();
  }
}
