package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.gpu.CallerProgram;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.GpuBackend;
import io.github.wandacuda.backend.gpu.GpuDevice;
import io.github.wandacuda.backend.gpu.KernelsOn;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.Around;
import io.github.wandacuda.testing.CudaDriver;
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
    return open(capability, precision, Long.MAX_VALUE);
  }

  /**
   * Opens it as {@link #open(int)} does.
   *
   * @param largestBuffer bytes that it says it can allocate at once
   */
  public static Backend open(int capability, Precision precision, long largestBuffer) {
    PretendCuda driver = start(capability);
    CudaDevice device = CudaDevice.open(0, precision);
    return checked(driver, KernelsOn.of(device, () -> queue(device), largestBuffer));
  }

  /** Opens the first device, real or pretended, as if it had one multiprocessor. */
  public static Backend fewBlocks() {
    if (CudaDriver.isThere()) {
      return new GpuBackend(CudaDevice.open(0, Precision.DEFAULT, 1), 2);
    }
    PretendCuda driver = start(80);
    return checked(driver, CudaDevice.open(0, Precision.DEFAULT, 1));
  }

  /** Opens a device like an H100, with its 132 multiprocessors. */
  public static Backend manyBlocks() {
    PretendCuda driver = start(90);
    driver.multiprocessors(132);
    return checked(driver, CudaDevice.open(0, Precision.DEFAULT));
  }

  /** Opens the first device alone, with so many bytes of memory. */
  public static GpuDevice device(long memory) {
    PretendCuda driver = start(80);
    driver.memory(memory);
    return CudaDevice.open(0, Precision.DEFAULT);
  }

  /** Returns a program that uses a backend's device, and closes the backend. */
  public static CallerProgram caller(Backend backend) {
    return new CudaCaller(backend);
  }

  /** Opens it with cuBLAS. */
  public static Backend withCublas(int capability, Precision precision) {
    PretendCuda driver = start(capability);
    driver.loadCublas();
    return checked(driver, CudaDevice.open(0, precision));
  }

  private static PretendCuda start(int capability) {
    PretendCuda driver = PretendCuda.start();
    driver.capability(capability);
    driver.deferred(true);
    return driver;
  }

  private static Backend checked(PretendCuda driver, GpuDevice device) {
    GpuBackend backend = new GpuBackend(device, 2);
    return Around.of(
        Backend.class,
        backend,
        new Object() {
          public void close() {
            backend.close();
            assertThat(driver.outstanding()).isEmpty();
            PretendCuda.start();
          }
        });
  }

  private static DeviceQueue queue(CudaDevice device) {
    CudaQueue queue = device.queue();
    return KernelsOn.queue(
        queue, new CudaForwardKernels(queue, Optional.empty(), device.precision().orElseThrow()));
  }
}
