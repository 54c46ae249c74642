package io.github.wandacuda.pruning;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.select.ResidentMatrix;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;

/** Prunes matrices tile by tile. */
public record MatrixPruner(Selector selector, WorkerPool workers, PhaseClock clock) {
  /**
   * Prunes a matrix on all workers.
   *
   * @param source the weights, which take the result back
   * @param norms the norm of each input column, or null to score by magnitude alone
   * @param rules by Wanda or magnitude
   * @return how many elements the mask takes out
   * @throws NonFiniteWeightException if a weight is NaN or infinite, by its place in the matrix
   */
  public long prune(TileSource source, float[] norms, ModuleRules rules) {
    try (TilePruner tiles = tiles(source, rule(source, rules), norms, null)) {
      workers.run(source.tiles().count(), (worker, tile) -> tiles.prune(worker, tile, null));
      return tiles.pruned();
    }
  }

  /**
   * Prepares a matrix.
   *
   * @param resident the matrix on the device, to be pruned there too, or null
   */
  public TilePruner tiles(
      TileSource source, SelectionRule rule, float[] norms, ResidentMatrix resident) {
    return new TilePruner(selector, rule, source, norms, resident, clock);
  }

  /** Prepares a matrix that stays as it is. */
  public TilePruner unchanged(TileSource source) {
    return new TilePruner(selector, new SelectionRule.LowestPerRow(0), source, null, null, clock);
  }

  /** Returns what is pruned; a threshold that all elements have a part in is found here. */
  public SelectionRule rule(TileSource source, ModuleRules rules) {
    return rules.needsThreshold()
        ? new TileMasks(selector, workers).ofMatrix(source, rules.sparsity())
        : SelectionRule.of(rules.sparsity(), source.columns());
  }
}
