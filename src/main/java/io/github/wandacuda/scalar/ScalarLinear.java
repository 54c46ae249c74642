package io.github.wandacuda.scalar;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.system.WorkerPool;

/** Linear layers as plain loops, and the sum of products that all scalar kernels use. */
final class ScalarLinear {
  private static final int FEATURES_PER_TASK = 16;

  private ScalarLinear() {}

  /** See {@link CpuForwardKernels#linear}. */
  static void linear(
      CpuTensor x, WeightMatrix w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    workers.runRanges(
        w.rows(),
        FEATURES_PER_TASK,
        (worker, from, to) -> {
          float[] row = new float[w.columns()];
          for (int o = from; o < to; o++) {
            w.read(o, 0, row.length, row, 0);
            feature(x, row, o, bias, out);
          }
        });
  }

  private static void feature(CpuTensor x, float[] row, int o, CpuTensor bias, CpuTensor out) {
    for (int t = 0; t < x.rows(); t++) {
      float sum = dot(x.data(), x.at(t), row, 0, row.length);
      out.data()[out.at(t) + o] = bias == null ? sum : sum + bias.data()[bias.at(0) + o];
    }
  }

  /** Returns the sum of products in runs, as {@link CpuForwardKernels#RUN} says. */
  static float dot(float[] a, int aOffset, float[] b, int bOffset, int count) {
    float sum = 0;
    for (int run = 0; run < count; run += CpuForwardKernels.RUN) {
      float chain = 0;
      for (int i = run; i < Math.min(count, run + CpuForwardKernels.RUN); i++) {
        chain = Math.fma(a[aOffset + i], b[bOffset + i], chain);
      }
      sum = run == 0 ? chain : sum + chain;
    }
    return sum;
  }
}
