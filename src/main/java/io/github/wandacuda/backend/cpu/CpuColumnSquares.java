package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.ColumnSquares;
import io.github.wandacuda.backend.OperationShapes;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.parallel.Workers;

/** Column sums in doubles; blocks of columns are shared out to the workers. */
final class CpuColumnSquares implements ColumnSquares {
  /** A kilobyte of a row: enough for streaming, few enough for many workers. */
  private static final int COLUMNS_PER_TASK = 256;

  private final ForwardKernels kernels;
  private final Workers workers;
  private final double[] sums;

  CpuColumnSquares(ForwardKernels kernels, Workers workers, int columns) {
    this.kernels = kernels;
    this.workers = workers;
    this.sums = new double[columns];
  }

  @Override
  public void add(Tensor x) {
    CpuTensor matrix = CpuTensor.own(x);
    OperationShapes.columnSquares(sums.length, matrix);
    workers.runRanges(
        sums.length,
        COLUMNS_PER_TASK,
        (worker, from, to) -> kernels.columnSquares(matrix, sums, from, to));
  }

  @Override
  public double[] sums() {
    return sums.clone();
  }

  @Override
  public void close() {}
}
