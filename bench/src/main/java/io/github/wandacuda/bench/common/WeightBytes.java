package io.github.wandacuda.bench.common;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Weights of any type, to and from memory. */
public final class WeightBytes {
  private WeightBytes() {}

  /** Reads a tensor's bytes. */
  public static MemorySegment read(SafetensorsFile file, TensorInfo tensor, Arena arena) {
    MemorySegment bytes = arena.allocate(tensor.bytes(), Long.BYTES);
    file.read(tensor, 0, bytes);
    return bytes;
  }

  /** Reads a tensor that is a matrix. */
  public static WeightMatrix matrix(SafetensorsFile file, TensorInfo tensor, Arena arena) {
    return WeightMatrix.of(
        read(file, tensor, arena), tensor.type().orElseThrow(), tensor.rows(), tensor.columns());
  }

  /** Returns how many elements of a matrix are +0.0 or -0.0. */
  public static long zeros(WeightMatrix matrix) {
    long zeros = 0;
    for (int row = 0; row < matrix.rows(); row++) {
      for (int column = 0; column < matrix.columns(); column++) {
        zeros += matrix.get(row, column) == 0 ? 1 : 0;
      }
    }
    return zeros;
  }

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
