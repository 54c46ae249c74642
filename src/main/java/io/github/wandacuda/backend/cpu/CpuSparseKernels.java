package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;

/** The sparse kernels that this JVM can run; made by {@link java.util.ServiceLoader}. */
public final class CpuSparseKernels implements SparseKernels {
  private final SparseKernels chosen = CpuKernels.chooseSparse();

  @Override
  public void multiply(
      SparseMatrix matrix,
      float[] x,
      int xOffset,
      int count,
      float[] out,
      int outOffset,
      int from,
      int to) {
    chosen.multiply(matrix, x, xOffset, count, out, outOffset, from, to);
  }

  @Override
  public boolean isFasterThanDense(DType dtype) {
    return chosen.isFasterThanDense(dtype);
  }

  @Override
  public String description() {
    return chosen.description();
  }
}
