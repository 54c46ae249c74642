package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.backend.SelectionRule.AtMost;
import io.github.wandacuda.backend.SelectionRule.LowestPerRow;
import io.github.wandacuda.backend.Sparsity.GroupPattern;
import io.github.wandacuda.backend.cpu.RowPruner;
import io.github.wandacuda.tensor.DType;

/** Makes pruners of rows with vectors, one for each kind of rule. */
final class VectorRow {
  private VectorRow() {}

  static RowPruner pruner(DType dtype, int columns, float[] norms, SelectionRule rule) {
    if (rule instanceof LowestPerRow row) {
      int wanted = row.count();
      LowestOfRow whole = new LowestOfRow(dtype, columns, norms, wanted);
      return LowestByLimits.serves(dtype, columns, wanted)
          ? new LowestByLimits(dtype, columns, norms, wanted, whole)
          : whole;
    }
    if (rule instanceof GroupPattern group) {
      RowPruner whole = new MarkedRow(dtype, columns, norms, GroupRule.of(dtype, columns, group));
      return HalvedGroups.serves(dtype, group)
          ? new HalvedGroups(dtype, columns, norms, group.size(), whole)
          : whole;
    }
    float threshold = ((AtMost) rule).threshold();
    int limit = threshold < 0 ? 0 : Float.floatToRawIntBits(threshold + 0.0f) + 1;
    return new MarkedRow(
        dtype,
        columns,
        norms,
        (planes, keys, marks) -> GroupMarks.below(planes, keys, limit, marks));
  }
}
