package io.github.wandacuda.launcher;

import java.util.List;

/** The options with which the launcher starts the program, for tests of other packages. */
public final class LaunchedOptions {
  private LaunchedOptions() {}

  /** Returns those that concern the kernels. */
  public static List<String> ofKernels() {
    return KernelOptions.beside(List.of(), true);
  }
}
