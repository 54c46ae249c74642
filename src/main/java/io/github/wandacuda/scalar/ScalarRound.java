package io.github.wandacuda.scalar;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Rounding to bfloat16, one by one. */
public final class ScalarRound {
  /** Makes what is left of a NaN's fraction other than zero, which would stand for infinity. */
  private static final int QUIET = 0x40;

  private ScalarRound() {}

  /** See {@link CpuForwardKernels#round}. */
  public static void round(float[] x, int at, int count, MemorySegment to, long offset) {
    for (int i = 0; i < count; i++) {
      to.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset + (long) i * Short.BYTES, bits(x[at + i]));
    }
  }

  private static short bits(float value) {
    return Float.isNaN(value)
        ? (short) (Float.floatToRawIntBits(value) >>> Short.SIZE | QUIET)
        : Bfloat16.bits(value);
  }
}
