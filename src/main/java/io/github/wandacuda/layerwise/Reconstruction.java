package io.github.wandacuda.layerwise;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.RowArithmetic;
import java.lang.foreign.MemorySegment;

/**
 * Changes the kept weights of a pruned layer so that its outputs come nearer to what they were: ten
 * steps of conjugate gradients towards the least squares solution on the kept columns of each row
 * (as ALPS ends, arXiv 2406.07831, section 3.3), each column scaled by its second moment. Rows are
 * independent of each other, and none gets worse: one whose error didn't become less stays as it
 * was.
 */
public final class Reconstruction {
  /** Steps of conjugate gradients. */
  static final int STEPS = 10;

  private final SquareGram gram;
  private final RowArithmetic arithmetic;
  private final double[] scales;

  /**
   * Prepares the reconstruction of layers with one input.
   *
   * @param gram its second moments, which must stay open
   */
  public Reconstruction(SquareGram gram) {
    this(gram, LayerwiseKernels.chosen().rows());
  }

  Reconstruction(SquareGram gram, RowArithmetic arithmetic) {
    this.gram = gram;
    this.arithmetic = arithmetic;
    scales = new double[gram.columns()];
    for (int column = 0; column < scales.length; column++) {
      double square = gram.get(column, column);
      scales[column] = square > 0 ? 1 / square : 0;
    }
  }

  /**
   * Reconstructs a layer.
   *
   * @param weights [rows, columns], dense
   * @param mask [rows, ceil(columns / 8)] bytes, the least significant bit first, 1 for a kept
   *     weight
   * @param result [rows, columns] of F32 with rows side by side: the kept weights to start from,
   *     and the solution; pruned ones become +0.0 whatever they were
   * @return in how many rows the error became less
   * @throws IllegalArgumentException if sizes don't agree or the result can't be written
   */
  public int solve(WeightMatrix weights, MemorySegment mask, WeightMatrix result) {
    GramShapes.require("weights", weights, gram);
    GramShapes.requireSame("result", result, weights);
    MaskRow.require(mask, weights.rows(), weights.columns());
    if (result.dtype() != DType.F32 || !result.hasDenseRows() || result.data().isReadOnly()) {
      throw new IllegalArgumentException(
          "result: expected F32 in dense rows that can be written, found " + result);
    }
    int improved = 0;
    try (SquareGram.Product product = gram.product(weights.rows())) {
      ReconstructionTile tile = new ReconstructionTile(gram, product, arithmetic, scales);
      for (int from = 0; from < weights.rows(); from += product.rows()) {
        int count = Math.min(product.rows(), weights.rows() - from);
        improved += tile.solve(weights, mask, result, from, count);
      }
    }
    return improved;
  }
}
