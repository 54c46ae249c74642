package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.pruning.mask.TileSource.MatrixTiles;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;

/**
 * Selects the tiles of a matrix on a backend, for their masks. These are the same to the bit on
 * every backend and for any number of threads.
 *
 * @param selector the backend's
 * @param workers each has a tile under way
 */
public record TileMasks(Selector selector, WorkerPool workers) {
  /**
   * Chooses a mask by |W| times the norm of the input column, within each row or group (Wanda,
   * arXiv 2306.11695, section 3).
   *
   * @param norms one for each input column, or null, which counts as ones
   * @param tileBytes what the backend likes to be given
   * @param mask takes the packed mask
   * @throws io.github.wandacuda.NonFiniteWeightException if a weight is NaN or infinite
   */
  public void wanda(
      WeightMatrix weights, float[] norms, Sparsity sparsity, long tileBytes, MemorySegment mask) {
    SelectionRule rule = SelectionRule.of(sparsity, weights.columns());
    select(tiles(weights, tileBytes), weights.dtype(), norms, rule, false, mask);
  }

  /**
   * Chooses a mask by |W|, within the whole matrix for a share, or within each group for a pattern.
   *
   * @param tileBytes what the backend likes to be given
   * @param mask takes the packed mask
   * @throws io.github.wandacuda.NonFiniteWeightException if a weight is NaN or infinite
   */
  public void magnitude(
      WeightMatrix weights, Sparsity sparsity, long tileBytes, MemorySegment mask) {
    MatrixTiles tiles = tiles(weights, tileBytes);
    select(tiles, weights.dtype(), null, ofMatrix(tiles, sparsity), false, mask);
  }

  private MatrixTiles tiles(WeightMatrix weights, long tileBytes) {
    return new MatrixTiles(weights, RowTiles.of(weights, tileBytes, workers.count()));
  }

  /**
   * Returns what is pruned of a module's tiles. If that is a threshold over the whole matrix, all
   * tiles are read to find it.
   *
   * @param rules of which the method is Wanda's or magnitude
   */
  public SelectionRule rule(TileSource source, ModuleRules rules) {
    return rules.needsThreshold()
        ? ofMatrix(source, rules.sparsity())
        : SelectionRule.of(rules.sparsity(), source.columns());
  }

  /**
   * Returns a rule that looks at the whole matrix: all scores up to the one at {@code floor(count *
   * fraction)} of the sorted ones; for a pattern, the lowest of each group.
   */
  SelectionRule ofMatrix(TileSource source, Sparsity sparsity) {
    long elements = (long) source.tiles().rows() * source.columns();
    if (elements > 0 && sparsity instanceof Sparsity.Ratio ratio) {
      MagnitudeThreshold threshold = new MagnitudeThreshold(selector, workers, source);
      return new SelectionRule.AtMost(threshold.at(ratio.of(elements)));
    }
    return SelectionRule.of(sparsity, source.columns());
  }

  /**
   * Selects all tiles.
   *
   * @param dtype of the tiles
   * @param norms of the columns, or null for scores that are magnitudes
   * @param scratch whether nobody needs the tiles, so that they may be pruned where they lie
   * @param mask the whole matrix's packed mask, which is filled in
   * @throws io.github.wandacuda.NonFiniteWeightException if a weight is NaN or infinite, by its
   *     place in the matrix
   */
  void select(
      TileSource source,
      DType dtype,
      float[] norms,
      SelectionRule rule,
      boolean scratch,
      MemorySegment mask) {
    SelectionArguments.checkMask(source.tiles().rows(), source.columns(), mask);
    long rowBytes = Selector.maskRowBytes(source.columns());
    try (SelectionPlan plan = selector.prepare(dtype, source.columns(), norms, rule)) {
      workers.run(
          source.tiles().count(),
          (worker, tile) -> {
            WeightMatrix read = source.read(worker, tile);
            int row = source.tiles().firstRow(tile);
            MemorySegment part = mask.asSlice(row * rowBytes, read.rows() * rowBytes);
            FiniteWeights.locate(row, () -> plan.select(read, scratch ? read : null, part));
          });
    }
  }
}
