package io.github.wandacuda.testing.selection;

import io.github.wandacuda.DType;
import java.util.random.RandomGenerator;

/** Kinds of weights, as bits of finite elements of any type. */
public enum Values {
  GAUSSIAN,
  SCALED_ROWS,
  FEW,
  ZEROS,
  CONSTANT,
  SORTED,
  SUBNORMAL,
  LARGE,
  ANY;

  private static final float[] CHOICE = {0.25f, -0.25f, 0.5f, -0.5f, 1};

  public int[][] matrix(RandomGenerator random, DType dtype, int rows, int columns) {
    int[][] bits = new int[rows][columns];
    for (int[] row : bits) {
      double scale = this == SCALED_ROWS ? Math.exp(3 * random.nextGaussian()) : 0.02;
      for (int c = 0; c < columns; c++) {
        row[c] = element(random, dtype, c, scale);
      }
    }
    return bits;
  }

  private int element(RandomGenerator random, DType dtype, int column, double scale) {
    return switch (this) {
      case GAUSSIAN, SCALED_ROWS -> bits(dtype, random.nextGaussian() * scale);
      case FEW -> bits(dtype, CHOICE[random.nextInt(CHOICE.length)]);
      case ZEROS ->
          random.nextInt(5) < 3
              ? bits(dtype, random.nextBoolean() ? 0.0 : -0.0)
              : bits(dtype, random.nextGaussian());
      case CONSTANT -> bits(dtype, -1.5);
      case SORTED -> bits(dtype, (column + 1) * 1e-3);
      case SUBNORMAL -> signed(random, dtype, random.nextInt(1 << fractionBits(dtype)));
      case LARGE -> signed(random, dtype, largest(dtype) - random.nextInt(100));
      case ANY -> signed(random, dtype, random.nextInt(largest(dtype) + 1));
    };
  }

  /** Returns the bits of the element next to a value, or of the largest one. */
  public static int bits(DType dtype, double value) {
    float rounded = (float) value;
    return switch (dtype) {
      case F32 -> Float.floatToRawIntBits(rounded);
      case BF16 -> Float.floatToRawIntBits(rounded) >>> 16;
      case F16 -> {
        int half = Float.floatToFloat16(rounded) & 0xffff;
        yield (half & 0x7fff) > largest(dtype) ? largest(dtype) : half;
      }
    };
  }

  /** Returns the bits of infinity. */
  public static int infinity(DType dtype) {
    return largest(dtype) + 1;
  }

  /** Returns the bits of the sign alone. */
  public static int sign(DType dtype) {
    return 1 << (dtype.bytes() * Byte.SIZE - 1);
  }

  private static int signed(RandomGenerator random, DType dtype, int magnitude) {
    return random.nextBoolean() ? magnitude : magnitude | sign(dtype);
  }

  private static int largest(DType dtype) {
    return switch (dtype) {
      case F32 -> 0x7f7f_ffff;
      case BF16 -> 0x7f7f;
      case F16 -> 0x7bff;
    };
  }

  private static int fractionBits(DType dtype) {
    return switch (dtype) {
      case F32 -> 23;
      case BF16 -> 7;
      case F16 -> 10;
    };
  }
}
