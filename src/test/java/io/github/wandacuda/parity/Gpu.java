package io.github.wandacuda.parity;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.PretendCuda;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import org.opentest4j.TestAbortedException;

/** The GPU backends, as the parity tests open them. */
public enum Gpu {
  /** On a real card where there is a driver, else on the pretend driver. */
  CUDA("cuda") {
    @Override
    void prepare() {
      if (!hasDriver()) {
        PretendCuda.start();
      }
    }
  },

  /** On the first device there is, a processor if there is nothing else. */
  OPENCL("opencl") {
    @Override
    void prepare() {}
  };

  private final String backend;

  Gpu(String backend) {
    this.backend = backend;
  }

  abstract void prepare();

  private static boolean hasDriver() {
    try (Arena arena = Arena.ofConfined()) {
      SymbolLookup.libraryLookup("libcuda.so.1", arena);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** Opens the backend's first device, or skips the test by naming what is missing. */
  public Backend open() {
    return open(Precision.DEFAULT);
  }

  /** Opens it as {@link #open()} does, for a precision. */
  Backend open(Precision precision) {
    prepare();
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
