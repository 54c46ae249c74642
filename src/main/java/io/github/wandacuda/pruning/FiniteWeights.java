package io.github.wandacuda.pruning;

import io.github.wandacuda.backend.NonFiniteWeightException;

/** Turns the place of a weight that isn't finite from one in a tile into one in the matrix. */
final class FiniteWeights {
  private FiniteWeights() {}

  static void locate(int firstRow, Runnable work) {
    try {
      work.run();
    } catch (NonFiniteWeightException e) {
      throw new NonFiniteWeightException(firstRow + e.row(), e.column(), e.value());
    }
  }
}
