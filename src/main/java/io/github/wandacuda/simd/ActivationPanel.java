package io.github.wandacuda.simd;

import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.system.WorkerPool;

/**
 * Rows of activations in the order in which register tiles read them: by runs of columns, within a
 * run by blocks of {@link RegisterTile#ROWS} rows, within a block by columns. The content of the
 * rows that pad the last tile is undefined.
 */
final class ActivationPanel {
  private static final int RUN = CpuForwardKernels.RUN;
  private static final int ROWS_PER_TASK = 4 * RegisterTile.ROWS;

  private float[] data = {};
  private int rows;
  private int columns;

  /** Copies {@code count} rows of {@code x} from row {@code from} on. */
  public void pack(CpuTensor x, int from, int count, WorkerPool workers) {
    rows = RegisterTile.wholeRows(count);
    columns = x.columns();
    data = PanelPacking.grown(data, rows, columns);
    workers.runRanges(
        count,
        ROWS_PER_TASK,
        (worker, first, end) -> {
          for (int row = first; row < end; row += RegisterTile.ROWS) {
            packTile(x, from + row, Math.min(RegisterTile.ROWS, end - row), row);
          }
        });
  }

  private void packTile(CpuTensor x, int from, int rowCount, int row) {
    for (int run = 0; run < runs(); run++) {
      int at = x.at(from) + run * RUN;
      PanelPacking.stand(
          x.data(), at, columns, rowCount, depth(run), data, at(run, row), RegisterTile.ROWS);
    }
  }

  public float[] data() {
    return data;
  }

  /** Returns the number of runs; without columns there is one empty run. */
  public int runs() {
    return Math.max(1, Math.ceilDiv(columns, RUN));
  }

  /** Returns the columns of a run. */
  public int depth(int run) {
    return Math.min(RUN, columns - run * RUN);
  }

  /** Returns the offset of a run of the tile whose first row is {@code row}. */
  public int at(int run, int row) {
    return run * RUN * rows + row * depth(run);
  }
}
