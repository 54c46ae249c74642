package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.DType;
import java.util.random.RandomGenerator;

/** Kinds of finite weights, as bits of elements of any type. */
enum RowValues {
  GAUSSIAN,
  TIED,
  ZEROS,
  SUBNORMAL,
  ANY;

  private static final float[] CHOICE = {0.25f, -0.25f, 0.5f, -0.5f, 1};

  int[][] matrix(RandomGenerator random, DType dtype, int rows, int columns) {
    int[][] bits = new int[rows][columns];
    for (int[] row : bits) {
      for (int c = 0; c < columns; c++) {
        row[c] = element(random, dtype);
      }
    }
    return bits;
  }

  private int element(RandomGenerator random, DType dtype) {
    return switch (this) {
      case GAUSSIAN -> bits(dtype, (float) random.nextGaussian(0, 0.02));
      case TIED -> bits(dtype, CHOICE[random.nextInt(CHOICE.length)]);
      case ZEROS ->
          random.nextInt(5) < 3
              ? bits(dtype, random.nextBoolean() ? 0.0f : -0.0f)
              : bits(dtype, (float) random.nextGaussian());
      case SUBNORMAL -> signed(random, dtype, random.nextInt(smallestNormal(dtype)));
      case ANY -> signed(random, dtype, random.nextInt(infinity(dtype)));
    };
  }

  private static int bits(DType dtype, float value) {
    return switch (dtype) {
      case F32 -> Float.floatToRawIntBits(value);
      case BF16 -> Float.floatToRawIntBits(value) >>> 16;
      case F16 -> Float.floatToFloat16(value) & 0xffff;
    };
  }

  private static int signed(RandomGenerator random, DType dtype, int magnitude) {
    return random.nextBoolean() ? magnitude : magnitude | 1 << (dtype.bytes() * Byte.SIZE - 1);
  }

  /** Returns the bits of infinity; one more are those of a NaN. */
  static int infinity(DType dtype) {
    return switch (dtype) {
      case F32 -> 0x7f80_0000;
      case BF16 -> 0x7f80;
      case F16 -> 0x7c00;
    };
  }

  private static int smallestNormal(DType dtype) {
    return switch (dtype) {
      case F32 -> 1 << 23;
      case BF16 -> 1 << 7;
      case F16 -> 1 << 10;
    };
  }

  /** Returns norms of kinds that go with the weights of this kind. */
  float[] norms(RandomGenerator random, int columns) {
    float[] norms = new float[columns];
    for (int c = 0; c < columns; c++) {
      norms[c] = norm(random);
    }
    return norms;
  }

  private float norm(RandomGenerator random) {
    float usual = (float) Math.exp(random.nextGaussian());
    return switch (this) {
      case GAUSSIAN, SUBNORMAL -> usual;
      case TIED -> 1 << random.nextInt(3);
      case ZEROS -> random.nextInt(4) == 0 ? 0 : usual;
      case ANY ->
          random.nextBoolean() ? Float.MAX_VALUE : Float.intBitsToFloat(random.nextInt(1 << 24));
    };
  }
}
