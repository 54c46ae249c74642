package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.scalar.ScalarSelect;
import io.github.wandacuda.system.Workers;

/** The CPU with the kernels that are the specification. */
public final class ScalarCpu {
  private ScalarCpu() {}

  public static Backend open(int threads) {
    CpuKernels kernels = new CpuKernels(ScalarSelect::new, ScalarForward::new);
    Workers workers = new Workers(threads);
    return new CpuBackend(kernels, "test", workers, workers::close);
  }
}
