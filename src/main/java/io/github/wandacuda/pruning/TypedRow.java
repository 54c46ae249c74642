package io.github.wandacuda.pruning;

import io.github.wandacuda.DType;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.Bfloat16;
import io.github.wandacuda.scalar.WeightReader;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Rows of weights as float32, and float32 rounded to the weights' type. Not safe for several
 * threads; each has its own.
 */
final class TypedRow {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final WeightReader reader = new WeightReader();

  /**
   * Reads a row, widened exactly.
   *
   * @param values takes one for each column
   * @throws NonFiniteWeightException if one is NaN or infinite
   */
  void read(WeightMatrix weights, int row, float[] values) {
    reader.read(weights, row, 0, weights.columns(), values, 0);
    for (int column = 0; column < weights.columns(); column++) {
      if (!Float.isFinite(values[column])) {
        throw new NonFiniteWeightException(row, column, values[column]);
      }
    }
  }

  /** Returns a value rounded to a type, to the nearest and of two equally near to the even one. */
  static float rounded(float value, DType dtype) {
    return switch (dtype) {
      case F32 -> value;
      case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
      case BF16 -> Bfloat16.value(Bfloat16.bits(value));
    };
  }

  /** Writes a value that its type can hold. */
  static void set(WeightMatrix weights, int row, int column, float value) {
    long at = weights.byteOffset(row, column);
    switch (weights.dtype()) {
      case F32 -> weights.data().set(FLOAT, at, value);
      case F16 -> weights.data().set(SHORT, at, Float.floatToFloat16(value));
      case BF16 -> weights.data().set(SHORT, at, Bfloat16.bits(value));
    }
  }
}
