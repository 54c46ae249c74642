package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.gpu.GpuBackend;
import io.github.wandacuda.backend.gpu.KernelsOn;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.BackendAround;
import io.github.wandacuda.testing.PretendCuda;
import java.util.Optional;

/** CUDA on the pretended driver, with the project's own kernels where cuBLAS has some too. */
public final class PretendedCuda {
  private PretendedCuda() {}

  /**
   * Opens its first device. Closing it checks that nothing is left there.
   *
   * @param capability its compute capability, times 10
   */
  public static Backend open(int capability) {
    return open(capability, Precision.DEFAULT);
  }

  /** Opens it as {@link #open(int)} does, for a precision. */
  public static Backend open(int capability, Precision precision) {
    PretendCuda driver = PretendCuda.start();
    driver.capability(capability);
    driver.deferred(true);
    CudaDevice device = CudaDevice.open(0, precision);
    GpuBackend backend = new GpuBackend(new KernelsOn(device, () -> queue(device)), 2);
    return new BackendAround(backend) {
      @Override
      public void close() {
        backend.close();
        assertThat(driver.outstanding()).isEmpty();
        PretendCuda.start();
      }
    };
  }

  private static KernelsOn.Queue<CudaForwardKernels> queue(CudaDevice device) {
    CudaQueue queue = device.queue();
    return new KernelsOn.Queue<>(
        queue, new CudaForwardKernels(queue, Optional.empty(), device.precision().orElseThrow()));
  }
}
