package io.github.wandacuda.pruning;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.layerwise.MaskRow;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;

/** Sets to zero what a mask prunes. */
final class MaskedRows {
  private static final int ROWS = 16;

  private MaskedRows() {}

  /**
   * Clears the pruned elements of a matrix.
   *
   * @param weights float32 with dense rows
   */
  static void clear(WeightMatrix weights, MemorySegment mask, WorkerPool workers) {
    workers.runRanges(
        weights.rows(),
        ROWS,
        (worker, from, to) -> {
          boolean[] kept = new boolean[weights.columns()];
          for (int row = from; row < to; row++) {
            MaskRow.read(mask, row, kept);
            clear(weights, row, kept);
          }
        });
  }

  private static void clear(WeightMatrix weights, int row, boolean[] kept) {
    for (int column = 0; column < kept.length; column++) {
      if (!kept[column]) {
        weights.set(row, column, 0);
      }
    }
  }
}
