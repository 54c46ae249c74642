package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.backend.cpu.RowPruner;
import io.github.wandacuda.backend.cpu.SelectKernels;
import io.github.wandacuda.tensor.DType;

/** Selection with the Vector API. */
public final class VectorSelect implements SelectKernels {
  @Override
  public RowPruner pruner(DType dtype, int columns, float[] norms, SelectionRule rule) {
    return VectorRow.pruner(dtype, columns, norms, rule);
  }
}
