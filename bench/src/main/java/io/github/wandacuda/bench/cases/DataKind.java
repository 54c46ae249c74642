package io.github.wandacuda.bench.cases;

import java.util.Arrays;
import java.util.SplittableRandom;

/** How weights and norms are distributed, which is what a selection's time may depend on. */
public enum DataKind {
  /** Normal weights of standard deviation 0.02, log-normal norms. */
  GAUSSIAN(false),
  /** Sixteen magnitudes and equal norms: nearly every score is a tie. */
  TIES(true),
  /** Normal weights whose lower half by score is zero, as in a model that was pruned before. */
  SPARSE(false),
  /** The weights of the bundled model, one after the other, again and again. */
  REAL(false),
  /** One value and equal norms: every score is a tie. */
  EQUAL(true),
  /** Nothing but zeros. */
  ZERO(true),
  /** Two magnitudes and equal norms. */
  TWO_VALUES(true),
  /** Scores that rise along each row. */
  SORTED(true),
  /** Normal weights but one in each row, which is 50000 deviations. */
  OUTLIER(false),
  /** Numbers below the type's smallest normal one. */
  DENORMAL(false),
  /** Normal weights of which 99 % are zero, anywhere. */
  SPARSE_99(false),
  /** Normal weights, those of each row times another factor: log-normal, by a fifth. */
  SCALED_ROWS(false);

  private final boolean equalNorms;

  DataKind(boolean equalNorms) {
    this.equalNorms = equalNorms;
  }

  /** Returns the norms of the input columns. */
  public float[] norms(int columns) {
    float[] norms = new float[columns];
    Arrays.fill(norms, 1);
    if (!equalNorms) {
      SplittableRandom random = new SplittableRandom(columns);
      for (int column = 0; column < columns; column++) {
        norms[column] = (float) Math.exp(random.nextGaussian());
      }
    }
    return norms;
  }
}
