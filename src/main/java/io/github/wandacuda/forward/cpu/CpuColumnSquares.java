package io.github.wandacuda.forward.cpu;

import io.github.wandacuda.forward.BackendOperations;
import io.github.wandacuda.forward.reference.CpuForwardKernels;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.system.WorkerPool;

/** Column sums in doubles; blocks of columns are shared out to the workers. */
final class CpuColumnSquares implements BackendOperations.Squares<CpuTensor> {
  /** Eight kilobytes of a row: as far as the processor fetches ahead by itself, twice. */
  private static final int MOST_COLUMNS = 2048;

  /** A kilobyte of a row, where there are many workers. */
  private static final int FEWEST_COLUMNS = 256;

  private final CpuForwardKernels kernels;
  private final WorkerPool workers;
  private final double[] sums;

  CpuColumnSquares(CpuForwardKernels kernels, WorkerPool workers, int columns) {
    this.kernels = kernels;
    this.workers = workers;
    this.sums = new double[columns];
  }

  @Override
  public void add(CpuTensor x) {
    workers.runRanges(
        sums.length,
        columnsPerTask(),
        (worker, from, to) -> kernels.columnSquares(x, sums, from, to));
  }

  private int columnsPerTask() {
    int share = Math.ceilDiv(sums.length, workers.count());
    int whole = Math.ceilDiv(share, FEWEST_COLUMNS) * FEWEST_COLUMNS;
    return Math.clamp(whole, FEWEST_COLUMNS, MOST_COLUMNS);
  }

  @Override
  public double[] sums() {
    return sums.clone();
  }

  @Override
  public void close() {}
}
