package io.github.wandacuda.pruning;

import io.github.wandacuda.backend.NonFiniteWeightException;
import io.github.wandacuda.backend.Selection;
import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.backend.Selector;
import io.github.wandacuda.parallel.Workers;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.LongAdder;

/** Prunes one matrix tile by tile on all workers. */
final class MatrixPruner {
  private final Selector selector;
  private final Workers workers;
  private final PruningRules rules;
  private final PhaseClock clock;

  MatrixPruner(Selector selector, Workers workers, PruningRules rules, PhaseClock clock) {
    this.selector = selector;
    this.workers = workers;
    this.rules = rules;
    this.clock = clock;
  }

  /**
   * What became of a matrix.
   *
   * @param pruned elements that the mask takes out
   * @param zeros elements of the result that are zero
   */
  record Counts(long pruned, long zeros) {}

  /**
   * Prunes a matrix.
   *
   * @param source the weights, which take the result back
   * @param norms the norm of each input column, or null to score by magnitude alone
   * @param mask where the packed mask goes, or null
   * @throws NonFiniteWeightException if a weight is NaN or infinite, by its place in the matrix
   */
  Counts prune(TileSource source, float[] norms, MemorySegment mask) {
    SelectionRule rule = rule(source);
    RowTiles tiles = source.tiles();
    long maskRowBytes = Selector.maskRowBytes(source.columns());
    LongAdder pruned = new LongAdder();
    LongAdder zeros = new LongAdder();
    workers.run(
        tiles.count(),
        (worker, tile) -> {
          int first = tiles.firstRow(tile);
          int rows = tiles.rowsOf(tile);
          WeightMatrix weights = source.read(worker, tile);
          MemorySegment tileMask =
              mask == null ? null : mask.asSlice(first * maskRowBytes, rows * maskRowBytes);
          long start = System.nanoTime();
          FiniteWeights.locate(
              first,
              () -> {
                Selection selection = selector.select(weights, norms, rule, weights, tileMask);
                pruned.add(selection.pruned());
                zeros.add(selection.zeros());
              });
          clock.addSelect(System.nanoTime() - start);
          source.write(worker, tile);
        });
    return new Counts(pruned.sum(), zeros.sum());
  }

  private SelectionRule rule(TileSource source) {
    if (rules.sparsity() instanceof Sparsity.GroupPattern pattern) {
      return new SelectionRule.LowestPerGroup(pattern.pruned(), pattern.size());
    }
    Sparsity.Ratio ratio = (Sparsity.Ratio) rules.sparsity();
    long elements = (long) source.tiles().rows() * source.columns();
    if (rules.needsThreshold() && elements > 0) {
      return new SelectionRule.AtMost(
          new MagnitudeThreshold(selector, workers, source).at(ratio.of(elements)));
    }
    return new SelectionRule.LowestPerRow((int) ratio.of(source.columns()));
  }
}
