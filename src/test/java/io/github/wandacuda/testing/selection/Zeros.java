package io.github.wandacuda.testing.selection;

import io.github.wandacuda.WeightMatrix;

/** Counts a matrix's zeros one by one. */
public final class Zeros {
  private Zeros() {}

  /** Returns how many elements are +0.0 or -0.0. */
  public static long of(WeightMatrix matrix) {
    long zeros = 0;
    for (int row = 0; row < matrix.rows(); row++) {
      for (int column = 0; column < matrix.columns(); column++) {
        zeros += matrix.get(row, column) == 0 ? 1 : 0;
      }
    }
    return zeros;
  }
}
