package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.scalar.ScalarSelect;

/** The CPU with the kernels that are the specification. */
public final class ScalarCpu {
  private ScalarCpu() {}

  public static Backend open(int threads) {
    return new CpuBackend(
        new CpuKernels(ScalarSelect::new, ScalarForward::new), "test", threads, null);
  }
}
