package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.scalar.ScalarSelect;
import io.github.wandacuda.system.Workers;

/** The CPU with the kernels that are the specification. */
public final class ScalarCpu {
  private ScalarCpu() {}

  public static Backend open(int threads) {
    return open(new CpuKernels(ScalarSelect::new, ScalarForward::new), threads, null);
  }

  static Backend open(CpuKernels kernels, int threads, OneDnn.Search found) {
    Workers workers = new Workers(threads);
    return new CpuBackend(kernels, "test", workers, workers::close, found);
  }
}
