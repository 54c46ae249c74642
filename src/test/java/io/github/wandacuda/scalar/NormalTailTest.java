package io.github.wandacuda.scalar;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NormalTailTest {
  private static final double STEP = 1e-4;

  /** Phi(-a) by Simpson's rule from 16 on down, where the rest is below 1e-57. */
  private static double[] tails(int count) {
    double[] tails = new double[count];
    double tail = 0;
    for (int i = (int) (16 / STEP) - 1; i >= 0; i--) {
      double a = i * STEP;
      tail += STEP / 6 * (density(a) + 4 * density(a + STEP / 2) + density(a + STEP));
      if (i < count) {
        tails[i] = tail;
      }
    }
    return tails;
  }

  private static double density(double a) {
    return Math.exp(-a * a / 2) / Math.sqrt(2 * Math.PI);
  }

  @ParameterizedTest
  @CsvSource({"0, 4, 5e-7", "4, 10, 3e-6"})
  void isOffByFewUnits(double from, double to, double bound) {
    double[] tails = tails((int) (to / STEP));
    double worst = 0;
    double worstRelative = 0;
    for (int i = (int) (from / STEP); i < tails.length; i++) {
      double error = Math.abs(NormalTail.of((float) (i * STEP)) - corrected(tails[i], i));
      worst = Math.max(worst, error);
      worstRelative = Math.max(worstRelative, error / tails[i]);
    }
    assertThat(worst).isLessThan(1.5e-7);
    assertThat(worstRelative).isLessThan(bound);
  }

  /** The tail at the float32 that is nearest to the i-th step. */
  private static double corrected(double tail, int i) {
    double step = i * STEP;
    return tail - density(step) * ((float) step - step);
  }

  @Test
  void endsAreExact() {
    assertThat(NormalTail.of(0f)).isEqualTo(0.5f);
    assertThat(NormalTail.of(15f)).isEqualTo(0f);
    assertThat(NormalTail.of(Float.MAX_VALUE)).isEqualTo(0f);
    assertThat(NormalTail.of(Float.POSITIVE_INFINITY)).isEqualTo(0f);
    assertThat(NormalTail.of(Float.NaN)).isNaN();
  }
}
