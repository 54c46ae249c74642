package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DType;
import java.util.Locale;

/** The names of kernels that exist for each element type. */
final class KernelNames {
  private KernelNames() {}

  public static String of(String kernel, DType dtype) {
    return kernel + "_" + dtype.name().toLowerCase(Locale.ROOT);
  }
}
