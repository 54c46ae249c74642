package io.github.wandacuda.bench;

import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/**
 * Data that looks like a model's: normal weights of standard deviation 0.02, log-normal input
 * norms.
 */
final class Weights {
  private static final double DEVIATION = 0.02;

  private Weights() {}

  /** Parses a shape such as {@code 4096x11008}: output features, then input features. */
  static int[] shape(String text) {
    String[] sizes = text.split("x", -1);
    return new int[] {Integer.parseInt(sizes[0]), Integer.parseInt(sizes[1])};
  }

  static WeightMatrix normal(Arena arena, DType dtype, int rows, int columns, long seed) {
    WeightMatrix matrix = empty(arena, dtype, rows, columns);
    SplittableRandom random = new SplittableRandom(seed);
    for (long element = 0; element < matrix.elements(); element++) {
      set(matrix.data(), dtype, element, (float) (random.nextGaussian() * DEVIATION));
    }
    return matrix;
  }

  static WeightMatrix empty(Arena arena, DType dtype, int rows, int columns) {
    long bytes = (long) rows * columns * dtype.bytes();
    return WeightMatrix.of(arena.allocate(bytes, 64), dtype, rows, columns);
  }

  private static void set(MemorySegment data, DType dtype, long element, float value) {
    switch (dtype) {
      case F32 -> data.setAtIndex(ValueLayout.JAVA_FLOAT, element, value);
      case F16 -> data.setAtIndex(ValueLayout.JAVA_SHORT, element, Float.floatToFloat16(value));
      case BF16 ->
          data.setAtIndex(
              ValueLayout.JAVA_SHORT, element, (short) (Float.floatToRawIntBits(value) >>> 16));
    }
  }

  static float[] norms(int columns, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] norms = new float[columns];
    for (int column = 0; column < columns; column++) {
      norms[column] = (float) Math.exp(random.nextGaussian());
    }
    return norms;
  }
}
