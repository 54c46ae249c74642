package io.github.wandacuda.scalar;

import io.github.wandacuda.DType;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Single elements of a row in the form that {@link CpuSelectKernels} describes. */
public final class RowElements {
  /** The bits of infinity; those of a finite magnitude are below, those of a NaN above. */
  public static final int INFINITY = 0x7f80_0000;

  private static final int MAGNITUDE = 0x7fff_ffff;
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private RowElements() {}

  /** Returns the element, widened exactly to float32. */
  static float value(DType dtype, MemorySegment memory, long at, int column) {
    return switch (dtype) {
      case F32 -> Float.intBitsToFloat(memory.get(INT, at + (long) Integer.BYTES * column));
      case F16 -> Float.float16ToFloat(half(memory, at, column));
      case BF16 -> Float.intBitsToFloat(half(memory, at, column) << 16);
    };
  }

  /** Returns the bits of the element's magnitude, widened exactly to float32. */
  public static int magnitude(DType dtype, MemorySegment memory, long at, int column) {
    return Float.floatToRawIntBits(value(dtype, memory, at, column)) & MAGNITUDE;
  }

  /** Returns the bits of the element's score, |w| * norm, which order as the scores do. */
  public static int score(DType dtype, MemorySegment memory, long at, int column, float[] norms) {
    float magnitude = Float.intBitsToFloat(magnitude(dtype, memory, at, column));
    return Float.floatToRawIntBits(magnitude * norms[column]);
  }

  /** Makes the element +0.0. */
  public static void clear(DType dtype, MemorySegment memory, long at, int column) {
    if (dtype == DType.F32) {
      memory.set(INT, at + (long) Integer.BYTES * column, 0);
    } else {
      memory.set(SHORT, at + (long) Short.BYTES * column, (short) 0);
    }
  }

  /**
   * Returns the failure for the first weight of a row that is not finite, of which there is one.
   */
  public static NonFiniteWeightException nonFinite(
      WeightMatrix source, MemorySegment memory, long at, int row) {
    for (int c = 0; c < source.columns(); c++) {
      float value = value(source.dtype(), memory, at, c);
      if (!Float.isFinite(value)) {
        return new NonFiniteWeightException(row, c, value);
      }
    }
    throw new AssertionError("row " + row + " is finite");
  }

  private static short half(MemorySegment memory, long at, int column) {
    return memory.get(SHORT, at + (long) Short.BYTES * column);
  }
}
