package io.github.wandacuda.testing.selection;

import java.util.random.RandomGenerator;

/** Kinds of input norms. */
public enum Norms {
  NONE,
  LOGNORMAL,
  FEW,
  DEAD_COLUMNS,
  OVERFLOWING,
  SUBNORMAL;

  public float[] vector(RandomGenerator random, int columns) {
    if (this == NONE) {
      return null;
    }
    float[] norms = new float[columns];
    for (int c = 0; c < columns; c++) {
      norms[c] = norm(random);
    }
    return norms;
  }

  private float norm(RandomGenerator random) {
    float usual = (float) Math.exp(random.nextGaussian());
    return switch (this) {
      case NONE, LOGNORMAL -> usual;
      case FEW -> 1 << random.nextInt(3);
      case DEAD_COLUMNS ->
          switch (random.nextInt(4)) {
            case 0 -> 0.0f;
            case 1 -> -0.0f;
            default -> usual;
          };
      case OVERFLOWING -> random.nextBoolean() ? Float.MAX_VALUE : usual;
      case SUBNORMAL -> Float.intBitsToFloat(random.nextInt(1 << 24));
    };
  }
}
