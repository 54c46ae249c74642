package io.github.wandacuda.testing;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Builds the pretended driver and its kernels beside the tests that need none, which leave a core
 * idle half of the time: those on GPUs, in the next JVM, would wait a minute for them. The build
 * asks for it where all tests run. JUnit finds it as a service, and calls it before each class.
 */
public final class EarlyKernels implements BeforeAllCallback {
  private static final AtomicBoolean BEGUN = new AtomicBoolean();

  @Override
  public void beforeAll(ExtensionContext context) {
    if (Boolean.getBoolean("kernels.early")
        && PretendCudaBuild.isPossible()
        && BEGUN.compareAndSet(false, true)) {
      Thread.ofPlatform().daemon().name("kernels").start(EarlyKernels::build);
    }
  }

  private static void build() {
    try {
      PretendCuda.build();
    } catch (IOException e) {
      // The tests on GPUs build them again, and fail by what is wrong.
      System.err.println(e.getMessage());
    }
  }
}
