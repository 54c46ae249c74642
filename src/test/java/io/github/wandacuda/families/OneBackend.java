package io.github.wandacuda.families;

import io.github.wandacuda.backend.Backend;
import java.util.function.Supplier;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;

/** Tests of one backend, which is opened once for all of them. */
@TestInstance(Lifecycle.PER_CLASS)
abstract class OneBackend {
  /**
   * The share of a calibrated run's mask bits that may differ: sums in another order leave a score
   * at a row's cut on its other side.
   */
  final double differentBits;

  private final Supplier<Backend> device;
  @AutoClose private Backend backend;

  OneBackend(Supplier<Backend> device, double differentBits) {
    this.device = device;
    this.differentBits = differentBits;
  }

  @BeforeAll
  void open() {
    backend = device.get();
  }

  final Backend backend() {
    return backend;
  }
}
