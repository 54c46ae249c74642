package io.github.wandacuda.backend.gpu;

import java.io.InputStream;

/**
 * The kernel files in the jar: the PTX and the OpenCL sources of {@code kernels/}, all in one
 * folder, so that a file is found by its name alone.
 */
public final class KernelFiles {
  private static final String FOLDER = "/io/github/wandacuda/kernels/";

  private KernelFiles() {}

  /** Opens a file such as {@code rotate.cl}; returns null if there is none of that name. */
  public static InputStream open(String file) {
    return KernelFiles.class.getResourceAsStream(FOLDER + file);
  }
}
