package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;

/** The sparse kernels that this JVM can run; made by {@link java.util.ServiceLoader}. */
public final class CpuSparseKernels implements SparseKernels {
  private final SparseKernels chosen = CpuKernels.chooseSparse();

  @Override
  public void multiply(
      SparseMatrix w, float[] x, int xAt, int count, float[] out, int outAt, int from, int to) {
    chosen.multiply(w, x, xAt, count, out, outAt, from, to);
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
