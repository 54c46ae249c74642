package io.github.wandacuda.bench.common;

import io.github.wandacuda.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Writes numbers as weights of any type. */
public final class Elements {
  private Elements() {}

  /** Sets an element; bits that a BF16 has no room for are cut off. */
  public static void set(MemorySegment data, DType dtype, long element, float value) {
    switch (dtype) {
      case F32 -> data.setAtIndex(ValueLayout.JAVA_FLOAT, element, value);
      case F16 -> data.setAtIndex(ValueLayout.JAVA_SHORT, element, Float.floatToFloat16(value));
      case BF16 ->
          data.setAtIndex(
              ValueLayout.JAVA_SHORT,
              element,
              (short) (Float.floatToRawIntBits(value) >>> Short.SIZE));
    }
  }
}
