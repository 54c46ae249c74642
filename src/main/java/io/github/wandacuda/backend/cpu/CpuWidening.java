package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.WideningKernels;

/** The widening kernels that this JVM can run; made by {@link java.util.ServiceLoader}. */
public final class CpuWidening implements WideningKernels {
  private final WideningKernels chosen = CpuKernels.chooseWidening();

  @Override
  public void widen(
      NumberFormat format,
      byte[] codes,
      int from,
      int count,
      float zero,
      float scale,
      float[] to,
      int offset) {
    chosen.widen(format, codes, from, count, zero, scale, to, offset);
  }
}
