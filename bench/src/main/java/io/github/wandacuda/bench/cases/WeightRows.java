package io.github.wandacuda.bench.cases;

import io.github.wandacuda.DType;
import io.github.wandacuda.bench.common.NormalWeights;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Rows of weights of one {@link DataKind}. A row depends on its number alone, so rows can be made
 * side by side.
 */
final class WeightRows {
  private static final int DRAWS = 1 << Short.SIZE;
  private static final int TIED_MAGNITUDES = 16;
  private static final int OUTLIER_DEVIATIONS = 50_000;
  private static final int ONE_KEPT_OF = 100;
  private static final double ROW_DEVIATION = 0.2;
  private static final float SMALLEST_NORMAL_F16 = 0x1p-14f;

  private final DataKind kind;
  private final float smallestNormal;
  private final float[] norms;
  private final float[] draws;
  private final float[] real;

  WeightRows(DataKind kind, DType dtype, float[] norms) {
    this.kind = kind;
    this.norms = norms;
    smallestNormal = dtype == DType.F16 ? SMALLEST_NORMAL_F16 : Float.MIN_NORMAL;
    draws = draws();
    real = kind == DataKind.REAL ? RealWeights.read() : new float[0];
  }

  /** Normal numbers made once, since picking one takes a tenth of the time. */
  private static float[] draws() {
    SplittableRandom random = new SplittableRandom(DRAWS);
    float[] draws = new float[DRAWS];
    for (int i = 0; i < DRAWS; i++) {
      draws[i] = (float) (random.nextGaussian() * NormalWeights.DEVIATION);
    }
    return draws;
  }

  /** Fills a row. */
  void fill(float[] row, int index) {
    SplittableRandom random = new SplittableRandom(index);
    if (kind == DataKind.REAL) {
      fillReal(row, index);
      return;
    }
    for (int column = 0; column < row.length; column++) {
      row[column] = value(random, column, row.length);
    }
    if (kind == DataKind.OUTLIER) {
      row[random.nextInt(row.length)] = (float) (OUTLIER_DEVIATIONS * NormalWeights.DEVIATION);
    } else if (kind == DataKind.SPARSE) {
      dropLowerHalf(row);
    } else if (kind == DataKind.SCALED_ROWS) {
      float scale = (float) Math.exp(ROW_DEVIATION * random.nextGaussian());
      for (int column = 0; column < row.length; column++) {
        row[column] *= scale;
      }
    }
  }

  private float value(SplittableRandom random, int column, int columns) {
    return switch (kind) {
      case GAUSSIAN, SPARSE, OUTLIER, REAL, SCALED_ROWS -> normal(random);
      case TIES -> signed(random, (float) (1 + random.nextInt(TIED_MAGNITUDES)) / TIED_MAGNITUDES);
      case EQUAL -> (float) NormalWeights.DEVIATION;
      case ZERO -> 0;
      case TWO_VALUES -> signed(random, random.nextBoolean() ? 0.5f : 1);
      case SORTED -> (column + 1) * (float) NormalWeights.DEVIATION / columns;
      case DENORMAL -> signed(random, (float) random.nextDouble() * smallestNormal);
      case SPARSE_99 -> random.nextInt(ONE_KEPT_OF) == 0 ? normal(random) : 0;
    };
  }

  private float normal(SplittableRandom random) {
    return draws[random.nextInt() >>> Short.SIZE];
  }

  private static float signed(SplittableRandom random, float magnitude) {
    return random.nextBoolean() ? magnitude : -magnitude;
  }

  private void fillReal(float[] row, int index) {
    long start = (long) index * row.length;
    for (int column = 0; column < row.length; column++) {
      row[column] = real[(int) ((start + column) % real.length)];
    }
  }

  private void dropLowerHalf(float[] row) {
    float[] scores = new float[row.length];
    for (int column = 0; column < row.length; column++) {
      scores[column] = Math.abs(row[column]) * norms[column];
    }
    float[] sorted = scores.clone();
    Arrays.sort(sorted);
    float threshold = sorted[row.length / 2];
    for (int column = 0; column < row.length; column++) {
      if (scores[column] < threshold) {
        row[column] = 0;
      }
    }
  }
}
