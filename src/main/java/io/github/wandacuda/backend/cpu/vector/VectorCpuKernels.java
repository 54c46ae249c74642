package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.cpu.CpuKernels;

/** The kernels of this package; to be loaded only where the Vector API's module is present. */
public final class VectorCpuKernels {
  private VectorCpuKernels() {}

  /** Returns the kernels at the machine's widest vectors. */
  public static CpuKernels create() {
    return new CpuKernels(new VectorSelect(), new VectorForward(), Lanes.describe() + " vectors");
  }
}
