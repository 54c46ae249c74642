package io.github.wandacuda.pruning.fit;

import io.github.wandacuda.WeightMatrix;

/**
 * How far a layer's outputs are from what they were, over the tokens that its Gram matrix G was
 * made of and for one sample, as G is.
 *
 * @param error {@code ‖(W - V) X‖^2 = trace((W - V) G (W - V)^T)} for weights W and changed ones V
 * @param output {@code ‖W X‖^2 = trace(W G W^T)}
 */
public record OutputError(double error, double output) {
  /**
   * Computes both: products with G in float32, as a linear layer has them, everything else in
   * float64.
   *
   * @param gram the second moments of the layer's inputs
   * @param weights [rows, columns]
   * @param changed [rows, columns] of F32 in dense rows
   * @throws IllegalArgumentException if sizes don't agree
   */
  public static OutputError of(SquareGram gram, WeightMatrix weights, WeightMatrix changed) {
    gram.require(weights, "changed weights", changed);
    double[] sums = new double[2];
    try (LayerRows rows = new LayerRows(gram, weights, null, changed)) {
      rows.forTiles(
          tile -> {
            tile.loadResult();
            tile.start();
            sums[0] = tile.withError(sums[0]);
            sums[1] = tile.withOutput(sums[1]);
          });
    }
    return new OutputError(sums[0], sums[1]);
  }
}
