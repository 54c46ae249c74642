package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.bench.common.NormalWeights;
import java.util.SplittableRandom;

/** How weights are distributed, which is what a selection's time may depend on. */
enum WeightKind {
  /** Normal of standard deviation 0.02, as in a model that was trained. */
  NORMAL("normal"),
  /** Sixteen magnitudes, which with equal norms makes nearly every score a tie. */
  FEW_VALUES("16 values, equal norms"),
  /** Every other weight is zero, as in a model that was pruned before. */
  HALF_ZEROS("half zeros");

  private static final int VALUES = 16;

  private final String label;

  WeightKind(String label) {
    this.label = label;
  }

  String label() {
    return label;
  }

  float next(SplittableRandom random) {
    return (float)
        switch (this) {
          case NORMAL -> random.nextGaussian() * NormalWeights.DEVIATION;
          case FEW_VALUES ->
              (random.nextInt(2 * VALUES) - VALUES + 0.5) / VALUES * NormalWeights.DEVIATION;
          case HALF_ZEROS ->
              random.nextBoolean() ? 0 : random.nextGaussian() * NormalWeights.DEVIATION;
        };
  }

  /** Returns input norms: log-normal ones, or ones that are all equal. */
  float[] norms(int columns) {
    SplittableRandom random = new SplittableRandom(columns);
    float[] norms = new float[columns];
    for (int column = 0; column < columns; column++) {
      norms[column] = this == FEW_VALUES ? 1 : (float) Math.exp(random.nextGaussian());
    }
    return norms;
  }
}
