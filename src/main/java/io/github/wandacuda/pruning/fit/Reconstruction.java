package io.github.wandacuda.pruning.fit;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.pruning.mask.PackedMasks;
import java.lang.foreign.MemorySegment;

/**
 * Changes the kept weights of a pruned layer so that its outputs come nearer to what they were: ten
 * steps of conjugate gradients towards the least squares solution on the kept columns of each row
 * (as ALPS ends, arXiv 2406.07831, section 3.3), each column scaled by its second moment. Rows are
 * independent of each other, and none gets worse: one whose error didn't become less stays as it
 * was.
 *
 * @param gram the second moments of the layers' one input, which must stay open
 */
public record Reconstruction(SquareGram gram) {
  /** How many steps of conjugate gradients are taken from weights as they are. */
  public static final int STEPS = 10;

  /**
   * An error that became less than this part of what it was is known to be less, whatever the
   * rounding of float32 products. One that is nearer is computed in float64.
   */
  static final double SURELY_LESS = 0.99;

  /**
   * Reconstructs a layer.
   *
   * @param weights [rows, columns], dense
   * @param mask [rows, ceil(columns / 8)] bytes, the least significant bit first, 1 for a kept
   *     weight
   * @param result [rows, columns] of F32 with rows side by side: the kept weights to start from,
   *     and the solution; pruned ones become +0.0 whatever they were
   * @throws IllegalArgumentException if sizes don't agree or the result can't be written
   */
  public void solve(WeightMatrix weights, MemorySegment mask, WeightMatrix result) {
    gram.require(weights, "result", result);
    PackedMasks.require(mask, weights.rows(), weights.columns());
    if (result.dtype() != DType.F32 || !result.hasDenseRows() || result.data().isReadOnly()) {
      throw new IllegalArgumentException(
          "result: expected F32 in dense rows that can be written, found " + result);
    }
    try (LayerRows rows = new LayerRows(gram, weights, mask, result)) {
      rows.moveWhole(RowTile::loadMask);
      rows.forTiles(
          tile -> {
            tile.loadResult();
            tile.start();
            tile.reconstruct(STEPS);
            tile.storeResult();
          });
    }
  }
}
