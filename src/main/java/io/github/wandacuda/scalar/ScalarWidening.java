package io.github.wandacuda.scalar;

import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.WideningKernels;

/** Widens codes one by one, the specification of every other implementation. */
public final class ScalarWidening implements WideningKernels {
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
    for (int i = 0; i < count; i++) {
      to[offset + i] = (format.value(codes[from + i]) - zero) * scale;
    }
  }
}
