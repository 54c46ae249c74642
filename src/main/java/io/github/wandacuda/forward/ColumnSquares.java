package io.github.wandacuda.forward;

import io.github.wandacuda.DeviceMatrix;

/**
 * A running sum of squares for each column of the matrices that are added. The input norms of a
 * linear layer are computed from it (Wanda, arXiv 2306.11695, section 3: the l2 norm of an input
 * feature over all calibration tokens).
 */
public interface ColumnSquares extends AutoCloseable {
  /**
   * Adds the squares of all rows; each square is rounded to float32 before it is summed.
   *
   * @param x [rows, columns]
   */
  void add(Tensor x);

  /**
   * Adds the squares of all rows of a matrix in device memory that the caller owns, each widened
   * exactly to float32 first. The work begins after what the matrix's queue has, and is done when
   * the call returns.
   *
   * @param x [rows, columns], of any type
   * @throws UnsupportedOperationException if the backend has no such memory
   * @throws IllegalArgumentException if the matrix isn't in memory of this device, or its memory or
   *     queue isn't of the context that it has to be of
   */
  default void add(DeviceMatrix x) {
    throw new UnsupportedOperationException(
        "this backend reads no matrices in a device's memory; cuda and opencl do");
  }

  /** Returns the sum of each column so far. */
  double[] sums();

  /** Makes all sums zero. */
  void clear();

  /** Frees the sums. */
  @Override
  void close();
}
