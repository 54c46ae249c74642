package io.github.wandacuda.pruning.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** The gradient of RMSNorm against differences of the norm in float64. */
class NormGradientTest {
  private static final int SIZE = 5;
  private static final float EPSILON = 1e-3f;
  private static final double STEP = 1e-5;

  private static double normed(double[] x, float[] gain, float[] by) {
    double sum = 0;
    for (int from = 0; from < x.length; from += SIZE) {
      double squares = 0;
      for (int at = 0; at < SIZE; at++) {
        squares += x[from + at] * x[from + at];
      }
      double root = Math.sqrt(squares / SIZE + EPSILON);
      for (int at = 0; at < SIZE; at++) {
        sum += x[from + at] / root * gain[at] * by[from + at];
      }
    }
    return sum;
  }

  @Test
  void gradientIsTheDifference() {
    Random random = new Random(3);
    float[] x = new float[4 * SIZE];
    float[] by = new float[x.length];
    float[] gain = new float[SIZE];
    double[] exact = new double[x.length];
    for (int at = 0; at < x.length; at++) {
      // The first row is all but zeros, where epsilon shows.
      x[at] = (float) random.nextGaussian() * (at < SIZE ? 0.01f : 1);
      exact[at] = x[at];
      by[at] = (float) random.nextGaussian();
      gain[at % SIZE] = (float) random.nextGaussian();
    }
    float[] found = by.clone();
    NormGradient.replace(x, gain, EPSILON, found);
    for (int at = 0; at < x.length; at++) {
      exact[at] += STEP;
      double above = normed(exact, gain, by);
      exact[at] -= 2 * STEP;
      double below = normed(exact, gain, by);
      exact[at] += STEP;
      double expected = (above - below) / (2 * STEP);
      assertThat((double) found[at])
          .as("element %d", at)
          .isCloseTo(expected, within(1e-5 * Math.max(1, Math.abs(expected))));
    }
  }
}
