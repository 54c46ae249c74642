package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.scalar.RowPruner;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.simd.GroupHalfPruner;
import io.github.wandacuda.simd.MarkedRowPruner;

/** Selection with the Vector API: a pruner for each kind of rule. */
final class VectorSelect implements CpuSelectKernels {
  @Override
  public RowPruner pruner(DType dtype, int columns, float[] norms, SelectionRule rule) {
    if (rule instanceof LowestPerRow row) {
      int wanted = row.count();
      LowestOfRow whole = new LowestOfRow(dtype, columns, norms, wanted);
      return LowestByThresholds.serves(columns, wanted)
          ? new LowestByThresholds(dtype, columns, norms, wanted, whole)
          : whole;
    }
    if (rule instanceof LowestPerGroup group) {
      RowPruner whole = new MarkedRowPruner(dtype, columns, norms, group);
      return GroupHalfPruner.serves(dtype, group)
          ? new GroupHalfPruner(dtype, columns, norms, group.size(), whole)
          : whole;
    }
    return new MarkedRowPruner(dtype, columns, norms, ((AtMost) rule).lowestKept());
  }
}
