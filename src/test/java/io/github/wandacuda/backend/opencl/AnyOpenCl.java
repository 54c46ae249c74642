package io.github.wandacuda.backend.opencl;

import org.junit.jupiter.api.Assumptions;

/** The first usable OpenCL device, for tests that need one and are skipped without. */
public final class AnyOpenCl {
  private AnyOpenCl() {}

  public static OpenClTarget target() {
    OpenClLibrary.problem(OpenClLibrary.names())
        .ifPresent(problem -> Assumptions.abort("skipped without OpenCL: " + problem));
    return OpenClTarget.all().stream()
        .filter(target -> target.facts().problem().isEmpty())
        .findFirst()
        .orElseGet(() -> Assumptions.abort("skipped without a usable OpenCL device"));
  }

  /** Opens a device that compiles everything anew. */
  public static OpenClDevice open() {
    return open(KernelSources.packed());
  }

  public static OpenClDevice open(KernelSources sources) {
    return OpenClDevice.open(target(), sources);
  }
}
