package io.github.wandacuda.forward;

import java.lang.foreign.MemorySegment;

/**
 * A running sum of the products of each two columns of the matrices that are added, {@code sum over
 * rows of x_i * x_j}. For the inputs of a linear layer it is what second-order pruning needs (the
 * Hessian of its squared output error, up to a factor: Frantar and Alistarh, arXiv 2301.00774,
 * section 3); its diagonal holds what {@link ColumnSquares} sums. Only pairs i ≤ j are computed.
 */
public interface SecondMoments extends AutoCloseable {
  /**
   * Adds the products of all rows. The rows are taken in runs of 256, the last one of a call being
   * shorter: a run's products are summed in float32, and the sum is added in at least 48 bits.
   *
   * @param x [rows, columns]
   */
  void add(Tensor x);

  /**
   * Writes the sums, each divided and then rounded to float32.
   *
   * @param divisor more than 0
   * @param triangle takes {@link PackedTriangle#elements} little-endian floats, in the order of
   *     {@link PackedTriangle}
   */
  void download(double divisor, MemorySegment triangle);

  /** Frees the sums. */
  @Override
  void close();
}
