package io.github.wandacuda.pruning.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.Elementwise;
import java.util.Arrays;
import java.util.function.DoubleBinaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Derivatives against differences of the functions in float64, on both sides of each kink. */
class ElementwiseGradientTest {
  private static final double STEP = 1e-5;
  private static final double TOLERANCE = 2e-5;

  /** An operation, and the same in float64. */
  private record Case(Elementwise operation, DoubleBinaryOperator exact) {}

  static Stream<Case> cases() {
    Stream<Case> gates =
        Arrays.stream(Activation.values())
            .map(
                activation ->
                    new Case(new Elementwise.Gate(activation), (x, y) -> exact(activation, x) * y));
    Stream<Case> activations =
        Arrays.stream(Activation.values())
            .map(activation -> new Case(activation, (x, y) -> exact(activation, x)));
    Stream<Case> others =
        Stream.of(
            new Case(
                new Elementwise.ClampedGate(1.5f),
                (x, y) ->
                    exact(Activation.QUICK_GELU, Math.min(x, 1.5))
                        * (Math.clamp(y, -1.5, 1.5) + 1)),
            new Case(
                new Elementwise.Xielu(0.8f, 1.3f, 0.5f, -1e-6f),
                (x, y) ->
                    x > 0
                        ? 0.8f * x * x + 0.5 * x
                        : 1.3f * (Math.exp(Math.min(x, -1e-6f)) - 1 - x) + 0.5 * x));
    return Stream.of(gates, activations, others).flatMap(all -> all);
  }

  private static double exact(Activation activation, double x) {
    return switch (activation) {
      case SILU -> x / (1 + Math.exp(-x));
      case GELU -> x * normal(x);
      case GELU_TANH ->
          x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
      case QUICK_GELU -> x / (1 + Math.exp(-1.702 * x));
      case RELU -> Math.max(x, 0);
      case SIGMOID -> 1 / (1 + Math.exp(-x));
      case RELU_SQUARED -> Math.max(x, 0) * Math.max(x, 0);
    };
  }

  /** The cumulative normal distribution by Simpson's rule from 0. */
  private static double normal(double x) {
    int parts = 2000;
    double sum = 0;
    for (int at = 0; at <= parts; at++) {
      double t = x * at / parts;
      int weight = at == 0 || at == parts ? 1 : at % 2 == 0 ? 2 : 4;
      sum += weight * Math.exp(-t * t / 2);
    }
    return 0.5 + x / parts / 3 * sum / Math.sqrt(2 * Math.PI);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void derivativesAreDifferences(Case of) {
    float[] x = new float[81];
    float[] y = new float[x.length];
    float[] by = new float[x.length];
    for (int at = 0; at < x.length; at++) {
      x[at] = (at - 40) * 0.131f + 0.003f;
      y[at] = (float) Math.sin(at) * 2.3f;
      by[at] = (float) Math.cos(at);
    }
    float[] dx = x.clone();
    float[] dy = of.operation.takesTwo() ? y.clone() : null;
    ElementwiseGradient.replace(of.operation, dx, dy, by, 0, x.length);
    for (int at = 0; at < x.length; at++) {
      double alongX =
          (of.exact.applyAsDouble(x[at] + STEP, y[at])
                  - of.exact.applyAsDouble(x[at] - STEP, y[at]))
              / (2 * STEP);
      double size = Math.max(1, Math.abs(alongX));
      assertThat((double) dx[at])
          .as("%s at %s, %s", of.operation, x[at], y[at])
          .isCloseTo(by[at] * alongX, within(TOLERANCE * size));
      if (dy != null) {
        double alongY =
            (of.exact.applyAsDouble(x[at], y[at] + STEP)
                    - of.exact.applyAsDouble(x[at], y[at] - STEP))
                / (2 * STEP);
        assertThat((double) dy[at])
            .as("%s at %s, %s", of.operation, x[at], y[at])
            .isCloseTo(by[at] * alongY, within(TOLERANCE * Math.max(1, Math.abs(alongY))));
      }
    }
  }

  @Test
  void onlyTheRangeIsReplaced() {
    float[] x = {1, 2, 3, 4};
    ElementwiseGradient.replace(Activation.RELU, x, null, new float[] {9, 8, 7, 6}, 1, 3);
    assertThat(x).containsExactly(1, 8, 7, 4);
  }

  @Test
  void whatHasNoDerivativeHereIsRefused() {
    Elementwise softcap = new Elementwise.Softcap(3);
    assertThat(ElementwiseGradient.knows(softcap)).isFalse();
    assertThatThrownBy(
            () -> ElementwiseGradient.replace(softcap, new float[1], null, new float[1], 0, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
