package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.gpu.GpuBackend;

/** The OpenCL backend with the kernels that GPUs get, on whatever device there is. */
public final class TiledOpenCl {
  private TiledOpenCl() {}

  /** Opens the first usable device, or skips the test by naming what is missing. */
  public static Backend open() {
    OpenClTarget gpu = ChangedTarget.asGpu(AnyOpenCl.target());
    return new GpuBackend(OpenClDevice.open(gpu, KernelSources.packed(), AnyOpenCl.noCache()), 2);
  }
}
