package io.github.wandacuda.layerwise;

import io.github.wandacuda.WeightMatrix;

/** Checks of matrices against the Gram matrix of their layer's inputs. */
final class GramShapes {
  private GramShapes() {}

  /**
   * Checks that a matrix has as many columns as the inputs.
   *
   * @throws IllegalArgumentException if it hasn't
   */
  static void require(String what, WeightMatrix matrix, SquareGram gram) {
    if (matrix.columns() != gram.columns()) {
      throw new IllegalArgumentException(
          "%s: expected %d columns as the Gram matrix, found %d"
              .formatted(what, gram.columns(), matrix.columns()));
    }
  }

  /**
   * Checks that two matrices have one shape.
   *
   * @throws IllegalArgumentException if they haven't
   */
  static void requireSame(String what, WeightMatrix matrix, WeightMatrix other) {
    if (matrix.rows() != other.rows() || matrix.columns() != other.columns()) {
      throw new IllegalArgumentException(
          "%s: expected %d x %d, found %d x %d"
              .formatted(what, other.rows(), other.columns(), matrix.rows(), matrix.columns()));
    }
  }
}
