package io.github.wandacuda.testing.selection;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;

/** Selections by a plan for each. */
public final class Select {
  private Select() {}

  /** Prepares a plan for one matrix, selects, and closes the plan. */
  public static Selection once(
      Selector selector,
      WeightMatrix source,
      float[] norms,
      SelectionRule rule,
      WeightMatrix destination,
      MemorySegment mask) {
    try (SelectionPlan plan = selector.prepare(source.dtype(), source.columns(), norms, rule)) {
      return plan.select(source, destination, mask);
    }
  }
}
