package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.scalar.RowPruner;
import io.github.wandacuda.select.SelectionRule;

/** Selection with the Vector API. */
final class VectorSelect implements CpuSelectKernels {
  @Override
  public RowPruner pruner(DType dtype, int columns, float[] norms, SelectionRule rule) {
    return VectorRowPruners.pruner(dtype, columns, norms, rule);
  }
}
