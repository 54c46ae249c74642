package io.github.wandacuda.pruning.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.Pruning;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** Steps of Adam against the paper's algorithm in float64, and zeros that stay. */
class TunedWeightTest {
  private static final int ROWS = 3;
  private static final int COLUMNS = 7;
  private static final int STEPS = 6;
  private static final float RATE = 0.05f;

  private static float[] gradient(int step) {
    float[] gradient = new float[ROWS * COLUMNS];
    for (int at = 0; at < gradient.length; at++) {
      gradient[at] = (float) Math.sin(1 + at + 0.7 * step) * (at % 4 + 0.1f);
    }
    return gradient;
  }

  private static double[] exact(float[] start) {
    double[] weights = new double[start.length];
    double[] mean = new double[start.length];
    double[] square = new double[start.length];
    for (int at = 0; at < start.length; at++) {
      weights[at] = start[at];
    }
    for (int step = 1; step <= STEPS; step++) {
      float[] gradient = gradient(step);
      for (int at = 0; at < start.length; at++) {
        double by = start[at] == 0 ? 0 : gradient[at];
        mean[at] = 0.9 * mean[at] + 0.1 * by;
        square[at] = 0.95 * square[at] + 0.05 * by * by;
        weights[at] -=
            RATE
                * (mean[at] / (1 - Math.pow(0.9, step)))
                / (Math.sqrt(square[at] / (1 - Math.pow(0.95, step))) + 1e-10);
      }
    }
    return weights;
  }

  @Test
  void stepsAreThoseOfAdam() {
    float[] start = new float[ROWS * COLUMNS];
    for (int at = 0; at < start.length; at++) {
      start[at] = at % 3 == 0 ? 0 : (float) Math.cos(at);
    }
    double[] expected = exact(start);
    try (Backend backend = Pruning.cpu(2);
        Workers workers = new Workers(2)) {
      Operations operations = backend.operations();
      try (TunedWeight weight =
          new TunedWeight(WeightMatrix.of(start.clone(), ROWS, COLUMNS), true, operations)) {
        assertThat(weight.kept()).isEqualTo(14);
        for (int step = 1; step <= STEPS; step++) {
          operations.upload(MemorySegment.ofArray(gradient(step)), weight.gradient());
          weight.step(RATE, operations, workers);
        }
        for (int at = 0; at < start.length; at++) {
          float found = weight.weights().get(at / COLUMNS, at % COLUMNS);
          assertThat((double) found).as("weight %d", at).isCloseTo(expected[at], within(2e-6));
          if (start[at] == 0) {
            assertThat(found).as("weight %d", at).isEqualTo(0);
          }
        }
      }
    }
  }

  /** A step begins a new sum: the same gradient twice isn't counted in the next step too. */
  @Test
  void gradientsAreForgottenAfterAStep() {
    try (Backend backend = Pruning.cpu(1);
        Workers workers = new Workers(1);
        TunedWeight weight =
            new TunedWeight(
                WeightMatrix.of(new float[] {1, 2}, 1, 2), true, backend.operations())) {
      Operations operations = backend.operations();
      operations.upload(MemorySegment.ofArray(new float[] {3, 4}), weight.gradient());
      weight.step(RATE, operations, workers);
      float[] left = {9, 9};
      operations.download(weight.gradient(), MemorySegment.ofArray(left));
      assertThat(left).containsExactly(0, 0);
    }
  }

  @Test
  void frozenWeightsAreCopiedAndHaveNoGradient() {
    try (Backend backend = Pruning.cpu(1);
        TunedWeight weight =
            new TunedWeight(
                WeightMatrix.of(new float[] {1, 0, 3}, 1, 3), false, backend.operations())) {
      assertThat(weight.isTuned()).isFalse();
      assertThat(weight.gradient()).isNull();
      assertThat(weight.squared()).isEqualTo(10);
    }
  }
}
