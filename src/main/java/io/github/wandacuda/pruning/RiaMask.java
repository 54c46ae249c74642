package io.github.wandacuda.pruning;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.pruning.ModuleRules.Scope;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Masks by relative importance and activations (RIA, Zhang et al., ICLR 2024; the formula is that
 * of its authors' code). The score of a weight is
 *
 * <pre>(|w| / sum of |w| over its column + |w| / sum of |w| over its row) * norm^0.5</pre>
 *
 * <p>A quotient by 0 is 0 (the authors' code gets NaN of a column of zeros). Scores are computed in
 * double as {@code |w| * ((1 / row sum + 1 / column sum) * sqrt(norm))} and rounded to float32,
 * which never overflows, since no quotient is more than 1. Backends select them as magnitudes.
 *
 * <p>In the scope of the matrix, the authors' default, the threshold is the score at {@code
 * floor(count * fraction)} of the sorted ones, and every score up to it is pruned: at least one
 * weight more than the fraction, and all ties. In the scope of rows the lowest of each row are
 * pruned, ties by column, as in Wanda. For a pattern both are the same: the lowest of each group.
 */
final class RiaMask implements MaskChooser {
  private final TileMasks masks;
  private final TileBuffers buffers;
  private final Scope scope;

  /**
   * Makes a chooser.
   *
   * @param selector the backend's
   * @param workers at most as many as there are buffers
   * @param buffers for tiles of scores; the weights must lie elsewhere
   * @param scope what weights are compared within
   */
  public RiaMask(Selector selector, WorkerPool workers, TileBuffers buffers, Scope scope) {
    if (workers.count() > buffers.memory().workers()) {
      throw new IllegalArgumentException(
          "%d workers for %d buffers".formatted(workers.count(), buffers.memory().workers()));
    }
    masks = new TileMasks(selector, workers);
    this.buffers = buffers;
    this.scope = scope;
  }

  @Override
  public void choose(WeightMatrix weights, float[] norms, Sparsity sparsity, MemorySegment mask) {
    SelectionRule ofRows = SelectionRule.of(sparsity, weights.columns());
    float[] checked = new SelectionArguments(DType.F32, weights.columns(), norms, ofRows).norms();
    try (Arena arena = Arena.ofShared()) {
      WeightMatrix dense = MagnitudeRow.dense(weights, arena);
      ModuleScores scores =
          new ModuleScores(dense, scores(RiaSums.of(dense, masks.workers()), checked), buffers);
      SelectionRule rule = scope == Scope.MATRIX ? masks.ofMatrix(scores, sparsity) : ofRows;
      masks.select(scores, DType.F32, null, rule, true, mask);
    }
  }

  private static ModuleScores.RowScores scores(RiaSums sums, float[] norms) {
    double[] roots = new double[norms.length];
    for (int c = 0; c < norms.length; c++) {
      roots[c] = Math.sqrt(norms[c]);
    }
    double[] columns = sums.ofColumns();
    return (row, magnitudes, scores) -> {
      double ofRow = sums.ofRow(row);
      for (int c = 0; c < magnitudes.length; c++) {
        scores[c] = (float) (magnitudes[c] * ((ofRow + columns[c]) * roots[c]));
      }
    };
  }
}
