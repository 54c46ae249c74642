package io.github.wandacuda.pruning;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;

/**
 * Masks by the scores that backends compute themselves: |W| times the norm of the input column
 * within each row (Wanda, arXiv 2306.11695, section 3), or |W| within the whole matrix; within each
 * group for a pattern.
 */
public final class PlainMask implements MaskChooser {
  private final TileMasks masks;
  private final long tileBytes;
  private final boolean byNorms;

  private PlainMask(Selector selector, WorkerPool workers, long tileBytes, boolean byNorms) {
    masks = new TileMasks(selector, workers);
    this.tileBytes = tileBytes;
    this.byNorms = byNorms;
  }

  /**
   * Returns a chooser by Wanda's scores.
   *
   * @param tileBytes what the backend likes to be given
   */
  public static PlainMask wanda(Selector selector, WorkerPool workers, long tileBytes) {
    return new PlainMask(selector, workers, tileBytes, true);
  }

  /** Returns a chooser by magnitude, which has no use for norms; they may be null. */
  public static PlainMask magnitude(Selector selector, WorkerPool workers, long tileBytes) {
    return new PlainMask(selector, workers, tileBytes, false);
  }

  @Override
  public void choose(WeightMatrix weights, float[] norms, Sparsity sparsity, MemorySegment mask) {
    MatrixTiles tiles =
        new MatrixTiles(weights, RowTiles.of(weights, tileBytes, masks.workers().count()));
    SelectionRule rule =
        byNorms ? SelectionRule.of(sparsity, weights.columns()) : masks.ofMatrix(tiles, sparsity);
    masks.select(tiles, weights.dtype(), byNorms ? norms : null, rule, false, mask);
  }
}
