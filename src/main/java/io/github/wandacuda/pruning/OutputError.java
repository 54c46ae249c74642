package io.github.wandacuda.pruning;

import io.github.wandacuda.WeightMatrix;

/**
 * How far a layer's outputs are from what they were, over the tokens that its Gram matrix G was
 * made of and for one sample, as G is.
 *
 * @param error {@code ‖(W - V) X‖^2 = trace((W - V) G (W - V)^T)} for weights W and changed ones V
 * @param output {@code ‖W X‖^2 = trace(W G W^T)}
 */
public record OutputError(double error, double output) {
  /** Computes both: products with G in float32, as linear layers have them, else float64. */
  public static OutputError of(SquareGram gram, WeightMatrix weights, WeightMatrix changed) {
    double error = error(gram, weights, changed);
    try (SquareGram.Product product = gram.product(weights.rows())) {
      return new OutputError(error, new Energy(gram, product).of(weights, null));
    }
  }

  /** Returns the error after another change of the same weights, with the output as it is known. */
  OutputError after(SquareGram gram, WeightMatrix weights, WeightMatrix changed) {
    return new OutputError(error(gram, weights, changed), output);
  }

  private static double error(SquareGram gram, WeightMatrix weights, WeightMatrix changed) {
    gram.require(weights, "changed weights", changed);
    try (SquareGram.Product product = gram.product(weights.rows())) {
      return new Energy(gram, product).of(weights, changed);
    }
  }

  /** The sum of {@code d G d} over rows d of a matrix. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Energy(
      SquareGram gram, SquareGram.Product product, float[] rows, float[] products) {
    Energy(SquareGram gram, SquareGram.Product product) {
      int elements = product.rows() * gram.columns();
      this(gram, product, new float[elements], new float[elements]);
    }

    /** Returns the sum for a matrix less another, or less nothing. */
    double of(WeightMatrix matrix, WeightMatrix subtracted) {
      double[] sums = new double[matrix.rows()];
      for (int from = 0; from < sums.length; from += product.rows()) {
        tile(matrix, subtracted, from, Math.min(product.rows(), sums.length - from), sums);
      }
      double sum = 0;
      for (double row : sums) {
        sum += row;
      }
      return sum;
    }

    private void tile(
        WeightMatrix matrix, WeightMatrix subtracted, int from, int count, double[] sums) {
      int columns = gram.columns();
      gram.workers.run(count, (worker, row) -> read(matrix, subtracted, from + row, row * columns));
      product.multiply(rows, count, products);
      gram.workers.run(
          count,
          (worker, row) -> {
            int at = row * columns;
            sums[from + row] = gram.arithmetic.dot(rows, at, products, at, columns);
          });
    }

    private void read(WeightMatrix matrix, WeightMatrix subtracted, int row, int at) {
      int columns = gram.columns();
      matrix.read(row, 0, columns, rows, at);
      if (subtracted != null) {
        float[] other = new float[columns];
        subtracted.read(row, 0, columns, other, 0);
        for (int k = 0; k < columns; k++) {
          rows[at + k] -= other[k];
        }
      }
    }
  }
}
