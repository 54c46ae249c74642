package io.github.wandacuda.job;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.BackendAround;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Changes the last bit of a weight that is kept. */
public final class WrongBackend extends BackendAround {
  public WrongBackend(Backend inner) {
    super(inner);
  }

  @Override
  public Selector selector() {
    Selector right = super.selector();
    return new Selector() {
      @Override
      public SelectionPlan prepare(DType dtype, int columns, float[] norms, SelectionRule rule) {
        return wrong(right.prepare(dtype, columns, norms, rule));
      }

      @Override
      public void countMagnitudes(WeightMatrix source, long[] counts) {
        right.countMagnitudes(source, counts);
      }

      @Override
      public void countMagnitudes(WeightMatrix source, int upper, long[] counts) {
        right.countMagnitudes(source, upper, counts);
      }
    };
  }

  private static SelectionPlan wrong(SelectionPlan right) {
    return new SelectionPlan() {
      @Override
      public Selection select(WeightMatrix source, WeightMatrix destination, MemorySegment mask) {
        Selection selection = right.select(source, destination, mask);
        MemorySegment data = destination.data();
        long last = destination.byteOffset(destination.rows() - 1, destination.columns() - 1);
        byte bits = data.get(ValueLayout.JAVA_BYTE, last);
        data.set(ValueLayout.JAVA_BYTE, last, (byte) (bits ^ 1));
        return selection;
      }

      @Override
      public void close() {
        right.close();
      }
    };
  }
}
