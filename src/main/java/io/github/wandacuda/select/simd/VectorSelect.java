package io.github.wandacuda.select.simd;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.reference.CpuSelectKernels;
import io.github.wandacuda.select.reference.RowPruner;

/** Selection with the Vector API. */
public final class VectorSelect implements CpuSelectKernels {
  @Override
  public RowPruner pruner(DType dtype, int columns, float[] norms, SelectionRule rule) {
    return VectorRowPruners.pruner(dtype, columns, norms, rule);
  }
}
