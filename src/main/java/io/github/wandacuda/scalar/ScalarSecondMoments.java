package io.github.wandacuda.scalar;

import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Sums of products of columns as plain loops. */
final class ScalarSecondMoments {
  private static final int COLUMNS_PER_TASK = 16;

  private ScalarSecondMoments() {}

  /** See {@link CpuForwardKernels#secondMoments}. */
  static void secondMoments(CpuTensor x, MemorySegment sums, WorkerPool workers) {
    workers.runRanges(
        x.columns(),
        COLUMNS_PER_TASK,
        (worker, from, to) -> {
          for (int i = from; i < to; i++) {
            for (int run = 0; run < x.rows(); run += CpuForwardKernels.RUN) {
              addRun(x, run, i, sums);
            }
          }
        });
  }

  /** Adds one run's products of column i and each column from i on. */
  private static void addRun(CpuTensor x, int run, int i, MemorySegment sums) {
    float[] chains = new float[x.columns() - i];
    for (int t = run; t < Math.min(x.rows(), run + CpuForwardKernels.RUN); t++) {
      int at = x.at(t) + i;
      for (int j = 0; j < chains.length; j++) {
        chains[j] = Math.fma(x.data()[at], x.data()[at + j], chains[j]);
      }
    }
    long to = PackedTriangle.rowStart(x.columns(), i);
    for (int j = 0; j < chains.length; j++) {
      double sum = sums.getAtIndex(ValueLayout.JAVA_DOUBLE, to + j) + chains[j];
      sums.setAtIndex(ValueLayout.JAVA_DOUBLE, to + j, sum);
    }
  }
}
