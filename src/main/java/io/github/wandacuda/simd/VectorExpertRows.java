package io.github.wandacuda.simd;

import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import jdk.incubator.vector.FloatVector;

/**
 * Weighted rows that are added, on vectors; the elements after the last whole vector are added one
 * by one. Rows are gathered by {@link System#arraycopy}, as in the scalar reference.
 */
final class VectorExpertRows {
  private VectorExpertRows() {}

  /** See {@link CpuForwardKernels#addRow}. */
  static void addRow(CpuTensor x, int row, float factor, CpuTensor out, int to) {
    addScaled(x.data(), x.at(row), factor, out.data(), out.at(to), x.columns());
  }

  private static void addScaled(
      float[] x, int xAt, float factor, float[] sum, int sumAt, int count) {
    int whole = Lanes.FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      load(sum, sumAt + i).add(load(x, xAt + i).mul(factor)).intoArray(sum, sumAt + i);
    }
    for (int i = whole; i < count; i++) {
      sum[sumAt + i] += factor * x[xAt + i];
    }
  }

  private static FloatVector load(float[] array, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, array, at);
  }
}
