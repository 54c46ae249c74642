package io.github.wandacuda.device;

import io.github.wandacuda.DType;

/** The names of kernels that exist for each element type. */
public final class KernelNames {
  private KernelNames() {}

  public static String of(String kernel, DType dtype) {
    return kernel
        + switch (dtype) {
          case F32 -> "_f32";
          case F16 -> "_f16";
          case BF16 -> "_bf16";
        };
  }
}
