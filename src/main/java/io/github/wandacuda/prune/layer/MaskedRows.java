package io.github.wandacuda.prune.layer;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

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
    long rowBytes = Selector.maskRowBytes(weights.columns());
    workers.runRanges(
        weights.rows(),
        ROWS,
        (worker, from, to) -> {
          for (int row = from; row < to; row++) {
            clear(weights, row, mask.asSlice(row * rowBytes, rowBytes));
          }
        });
  }

  private static void clear(WeightMatrix weights, int row, MemorySegment mask) {
    for (int column = 0; column < weights.columns(); column++) {
      byte bits = mask.get(ValueLayout.JAVA_BYTE, column / Byte.SIZE);
      if ((bits >>> column % Byte.SIZE & 1) == 0) {
        TypedRow.set(weights, row, column, 0);
      }
    }
  }
}
