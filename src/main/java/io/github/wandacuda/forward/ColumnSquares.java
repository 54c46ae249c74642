package io.github.wandacuda.forward;

/**
 * A running sum of squares for each column of the matrices it is given, from which the input norms
 * of a linear layer come (Wanda, arXiv 2306.11695, section 3: the l2 norm of an input feature over
 * all calibration tokens).
 */
public interface ColumnSquares extends AutoCloseable {
  /**
   * Adds the squares of all rows of {@code x}; each square is rounded to float32 before it is
   * summed.
   */
  void add(Tensor x);

  /** Returns the sum of each column. */
  double[] sums();

  /** Gives the memory back. */
  @Override
  void close();
}
