package io.github.wandacuda.scalar;

import java.util.Arrays;

/** Operations on each element by itself, as plain loops. */
public final class ScalarElementwise {
  private ScalarElementwise() {}

  /** See {@link io.github.wandacuda.forward.Operations#clear}. */
  public static void clear(CpuTensor x) {
    Arrays.fill(x.data(), x.at(0), x.at(x.rows()), 0f);
  }

  /** See {@link CpuForwardKernels#add}. */
  static void add(CpuTensor x, CpuTensor y, int from, int to) {
    int count = (to - from) * x.columns();
    for (int i = 0; i < count; i++) {
      x.data()[x.at(from) + i] += y.data()[y.at(from) + i];
    }
  }

  /** See {@link CpuForwardKernels#scale}. */
  static void scale(CpuTensor x, float factor, int from, int to) {
    int count = (to - from) * x.columns();
    for (int i = 0; i < count; i++) {
      x.data()[x.at(from) + i] *= factor;
    }
  }

  /** See {@link CpuForwardKernels#softcap}. */
  static void softcap(CpuTensor x, float cap, int from, int to) {
    int count = (to - from) * x.columns();
    for (int i = 0; i < count; i++) {
      x.data()[x.at(from) + i] = cap * Tanh.of(x.data()[x.at(from) + i] / cap);
    }
  }
}
