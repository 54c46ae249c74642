package io.github.wandacuda.testing.backend;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.CudaDriver;
import io.github.wandacuda.testing.PretendCuda;
import java.util.Locale;
import org.opentest4j.TestAbortedException;

/** The GPU backends, as a program opens them. */
public enum Gpu {
  /** On a real GPU where there is a driver, else on the pretend driver. */
  CUDA,
  /** On the first device there is, a processor if there is nothing else. */
  OPENCL;

  /** Opens the backend's first device, or skips the test by naming what is missing. */
  public Backend open() {
    return open(Precision.DEFAULT);
  }

  /** Opens it as {@link #open()} does, for a precision. */
  public Backend open(Precision precision) {
    if (this == CUDA && !CudaDriver.isThere()) {
      PretendCuda.start();
    }
    String backend = name().toLowerCase(Locale.ROOT);
    String missing =
        Backends.providers().stream()
            .filter(provider -> provider.name().equals(backend))
            .flatMap(provider -> provider.devices().stream())
            .limit(1)
            .filter(device -> !device.usable())
            .map(device -> device.name() + ": " + device.reason())
            .findFirst()
            .orElse(null);
    if (missing != null) {
      throw new TestAbortedException("%s was not tested: %s".formatted(backend, missing));
    }
    return Backends.open(backend, 0, 2, precision).backend();
  }
}
