package io.github.wandacuda.calibration;

import java.util.stream.IntStream;

/**
 * The mean second moments of what a linear module reads and of what is missing in the hidden states
 * behind it, over all tokens of all samples.
 *
 * @param inputs the number of columns that it reads
 * @param joint of the inputs; then of one column, of ones, or of zeros where variances don't
 *     matter; then of what is missing, a column for each output feature, if that was asked for
 */
public record OutputMoments(int inputs, Gram joint) {
  /** Returns whether no token reached the module, or none with another input than 0. */
  public boolean isZero() {
    return IntStream.range(0, inputs).allMatch(column -> joint.get(column, column) == 0);
  }

  /** Returns the mean of the product of two inputs. */
  public float input(int column, int other) {
    return joint.get(column, other);
  }

  /**
   * Returns the variance of an input, from its mean square and its mean; 0 where rounding would
   * make it negative.
   */
  public double variance(int column) {
    double mean = joint.get(column, inputs);
    return Math.max(0, joint.get(column, column) - mean * mean);
  }

  /**
   * Returns the mean of the product of what is missing of an output feature, and an input.
   *
   * @param row the output feature
   * @param column the input
   */
  public float missing(int row, int column) {
    return joint.get(inputs + 1 + row, column);
  }
}
