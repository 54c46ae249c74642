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
 * Selection on the calling thread, row by row: in place if the rows' memory and length allow it,
 * else in a buffer. If memory fails during a call, such as a mapping of a file that was shrunk, the
 * call ends with an {@link InternalError}.
 */
public final class CpuSelector implements Selector {
  /** The most plans that are kept for callers who ask for the same arguments again. */
  private static final int MOST_PLANS = 4;

  private final CpuSelectKernels kernels;
  private final Deque<CpuPlan> plans = new ArrayDeque<>();

  /** Selects with some kernels, which all calls share. */
  public CpuSelector(CpuSelectKernels kernels) {
    this.kernels = Objects.requireNonNull(kernels, "kernels");
  }

  @Override
  public SelectionPlan prepare(DType dtype, int columns, float[] norms, SelectionRule rule) {
    return plan(new SelectionArguments(dtype, columns, norms, rule));
  }

  /**
   * Returns a plan for arguments, the same one for the same arguments. Layers that read one input
   * have equal norms and share a plan, whose pruners know their rows' thresholds.
   */
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

  /** Visits a matrix's rows in place, or copies of them if kernels can't read them there. */
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
