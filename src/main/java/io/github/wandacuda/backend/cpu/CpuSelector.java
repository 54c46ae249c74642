package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.scalar.RowElements;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * Selection on the calling thread, row by row: where the rows lie if their memory and length allow
 * it, else in a buffer. Memory that fails under it, such as a mapping of a file that was shrunk,
 * ends a call with an {@link InternalError}.
 */
public final class CpuSelector implements Selector {
  /** Plans kept for those who ask for the same again. */
  private static final int MOST_PLANS = 4;

  private final CpuSelectKernels kernels;
  private final Deque<CpuPlan> plans = new ArrayDeque<>();

  public CpuSelector(CpuSelectKernels kernels) {
    this.kernels = Objects.requireNonNull(kernels, "kernels");
  }

  @Override
  public SelectionPlan prepare(DType dtype, int columns, float[] norms, SelectionRule rule) {
    return plan(new SelectionArguments(dtype, columns, norms, rule));
  }

  /** Layers that read one input have equal norms: they share a plan, which has seen such rows. */
  private synchronized CpuPlan plan(SelectionArguments arguments) {
    for (CpuPlan plan : plans) {
      if (plan.arguments().isSame(arguments)) {
        return plan;
      }
    }
    if (plans.size() == MOST_PLANS) {
      plans.removeLast();
    }
    plans.push(new CpuPlan(kernels, arguments, new ArrayDeque<>()));
    return plans.peek();
  }

  @Override
  public void countMagnitudes(WeightMatrix source, OptionalInt upper, long[] counts) {
    SelectionArguments.checkBins(upper, counts);
    DType dtype = source.dtype();
    int columns = source.columns();
    forEachRow(
        source,
        (memory, at, row) -> {
          if (upper.isPresent()) {
            RowElements.lower(dtype, memory, at, columns, upper.getAsInt(), counts);
          } else if (RowElements.upper(dtype, memory, at, columns, counts)
              >= RowElements.INFINITY >>> 16) {
            throw RowElements.nonFinite(source, row);
          }
        });
  }

  @Override
  public boolean takesCodes() {
    return true;
  }

  private static void forEachRow(WeightMatrix source, RowPanel.Visitor visitor) {
    if (RowPanel.isNeedlessFor(source)) {
      for (int row = 0; row < source.rows(); row++) {
        visitor.visit(source.data(), source.byteOffset(row, 0), row);
      }
      return;
    }
    RowPanel.forEachRow(source, null, visitor);
  }
}
