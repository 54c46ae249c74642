package io.github.wandacuda.device.opencl.driver;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.device.gpu.GpuBackend;
import io.github.wandacuda.device.opencl.OpenClDevice;

/** The OpenCL backend with the kernels that GPUs get, on whatever device there is. */
public final class TiledOpenCl {
  private TiledOpenCl() {}

  /** Opens the first usable device, or skips the test by naming what is missing. */
  public static Backend open() {
    OpenClTarget target = AnyOpenCl.target();
    OpenClTarget gpu = new OpenClTarget(target.platform(), target.device(), asGpu(target.facts()));
    return new GpuBackend(OpenClDevice.open(gpu, KernelSources.packed(), AnyOpenCl.noCache()), 2);
  }

  private static DeviceFacts asGpu(DeviceFacts facts) {
    return new DeviceFacts(
        facts.name(),
        facts.platform(),
        facts.platformVersion(),
        facts.version(),
        facts.driver(),
        true,
        facts.available(),
        facts.littleEndian(),
        facts.compiler(),
        facts.addressBits(),
        facts.floatConfig(),
        facts.workGroupSize(),
        facts.localBytes(),
        facts.globalBytes(),
        facts.largestBuffer(),
        facts.computeUnits());
  }
}
