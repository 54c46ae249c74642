package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Activations and gates: the scalar code's bits everywhere. */
@EachBackend
class ActivateTest extends OperationCases {
  ActivateTest(OpenedBackend backend) {
    super(backend);
  }

  private static double activation(Activation activation, double x) {
    return switch (activation) {
      case SILU -> x / (1 + Math.exp(-x));
      case GELU -> x * (x < 0 ? tail(-x) : 1 - tail(x));
      case GELU_TANH ->
          x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
      case QUICK_GELU -> x / (1 + Math.exp(-1.702 * x));
      case RELU -> Math.max(x, 0);
      case SIGMOID -> 1 / (1 + Math.exp(-x));
      case RELU_SQUARED -> Math.max(x, 0) * Math.max(x, 0);
    };
  }

  /** Phi(-a) by its series, or by its continued fraction where that is fast. */
  private static double tail(double a) {
    double density = Math.exp(-a * a / 2) / Math.sqrt(2 * Math.PI);
    if (a > 3) {
      double fraction = 0;
      for (int i = 60; i > 0; i--) {
        fraction = i / (a + fraction);
      }
      return density / (a + fraction);
    }
    double term = a;
    double sum = a;
    for (int i = 3; i < 100; i += 2) {
      term *= a * a / i;
      sum += term;
    }
    return 0.5 - density * sum;
  }

  private static CpuTensor activated(Activation activation, Operands operands, CpuTensor values) {
    Tensor x = operands.in(values);
    operands.operations().elementwise(activation, x, null, x);
    return operands.values(x);
  }

  @ParameterizedTest
  @EnumSource
  void activationsFollowTheirFormulas(Activation activation) {
    CpuTensor x = CpuTensor.zeros(1, 4001);
    for (int i = 0; i <= 4000; i++) {
      x.data()[i] = (i - 2000) * 0.005f;
    }
    CpuTensor up = new Samples(17).tensor(1, 4001);
    each(
        operands -> {
          Tensor out = operands.out(1, 4001);
          operands.operations().elementwise(activation, operands.in(x), null, out);
          Tensor gated = operands.in(x);
          operands
              .operations()
              .elementwise(new Elementwise.Gate(activation), gated, operands.in(up), gated);
          CpuTensor found = operands.values(out);
          CpuTensor product = operands.values(gated);
          for (int i = 0; i <= 4000; i++) {
            float expected = found.data()[i] * up.data()[up.at(0) + i];
            assertThat(product.data()[i]).isEqualTo(expected);
          }
          return found;
        },
        out -> {
          for (int i = 0; i <= 4000; i++) {
            double expected = activation(activation, at(x, 0, i));
            double size = activation == Activation.SIGMOID ? 1 : Math.abs(at(x, 0, i));
            double allowed = 4e-7 * Math.max(size, expected);
            assertThat(at(out, 0, i)).as("%s", at(x, 0, i)).isCloseTo(expected, within(allowed));
          }
        });
  }

  @Test
  void siluGatesItsInput() {
    Samples samples = new Samples(7);
    CpuTensor gate = samples.tensor(10, 50);
    CpuTensor up = samples.tensor(10, 50);
    each(
        operands -> {
          Tensor out = operands.out(10, 50);
          operands
              .operations()
              .elementwise(
                  new Elementwise.Gate(Activation.SILU), operands.in(gate), operands.in(up), out);
          return operands.values(out);
        },
        out -> {
          for (int c = 0; c < 500; c++) {
            double g = at(gate, 0, c);
            double expected = g / (1 + Math.exp(-g)) * at(up, 0, c);
            assertThat(at(out, 0, c)).isCloseTo(expected, within(Math.abs(expected) * 5e-7));
          }
        });
  }

  @Test
  void siluOfExtremes() {
    float inf = Float.POSITIVE_INFINITY;
    each(
        operands -> {
          Tensor gate = operands.in(Samples.of(1, -200f, 200f, -inf, inf, Float.NaN, -0f));
          Tensor up = operands.in(Samples.of(1, 1f, 1f, 1f, 1f, 1f, 1f));
          operands.operations().elementwise(new Elementwise.Gate(Activation.SILU), gate, up, gate);
          return operands.values(gate);
        },
        out -> assertThat(out.data()).containsExactly(-0f, 200f, Float.NaN, inf, Float.NaN, -0f));
  }

  @ParameterizedTest
  @EnumSource
  void activationsOfExtremes(Activation activation) {
    float inf = Float.POSITIVE_INFINITY;
    each(
        operands ->
            activated(
                activation, operands, Samples.of(1, -200f, 200f, inf, Float.NaN, 0f, -0f, 1e-40f)),
        x -> {
          boolean sigmoid = activation == Activation.SIGMOID;
          float[] expected =
              switch (activation) {
                case SIGMOID -> new float[] {1, 1, Float.NaN, 0.5f, 0.5f};
                case RELU_SQUARED -> new float[] {40_000f, inf, Float.NaN, 0f, 0f};
                default -> new float[] {200f, inf, Float.NaN, 0f, -0f};
              };
          assertThat(x.data()[0]).isBetween(-1e-30f, 0f);
          assertThat(Arrays.copyOfRange(x.data(), 1, 6)).containsExactly(expected);
          assertThat(x.data()[6]).isBetween(0f, sigmoid ? 0.5f : 1e-40f);
        });
  }

  /** A dead unit's norm is exactly 0. */
  @Test
  void reluOfANegativeIsZero() {
    CpuTensor values = Samples.of(1, -1e-40f, -1f, Float.NEGATIVE_INFINITY);
    for (Activation activation : List.of(Activation.RELU, Activation.RELU_SQUARED)) {
      each(
          operands -> activated(activation, operands, values),
          x -> assertThat(x.data()).containsExactly(0f, 0f, 0f));
    }
  }

  /** Activates and gates, into another tensor and in place. */
  private static CpuTensor all(
      Activation activation, Operands operands, CpuTensor values, CpuTensor others, int offset) {
    Operations operations = operands.operations();
    Tensor x = operands.in(values, offset);
    Tensor up = operands.in(others);
    Tensor gated = operands.out(values.rows(), values.columns());
    operations.elementwise(new Elementwise.Gate(activation), x, up, gated);
    CpuTensor result = operands.values(gated);
    Tensor gate = operands.in(values, offset);
    operations.elementwise(new Elementwise.Gate(activation), gate, up, gate);
    assertThat(Samples.bits(operands.values(gate))).isEqualTo(Samples.bits(result));
    operations.elementwise(new Elementwise.Gate(activation), x, up, up);
    assertThat(Samples.bits(operands.values(up))).isEqualTo(Samples.bits(result));
    Tensor out = operands.out(values.rows(), values.columns());
    operations.elementwise(activation, x, null, out);
    operations.elementwise(activation, x, null, x);
    CpuTensor activated = operands.values(x);
    assertThat(Samples.bits(operands.values(out))).isEqualTo(Samples.bits(activated));
    CpuTensor both = CpuTensor.zeros(2, values.elements());
    System.arraycopy(result.data(), 0, both.data(), 0, values.elements());
    System.arraycopy(activated.data(), 0, both.data(), values.elements(), values.elements());
    return both;
  }

  @ParameterizedTest
  @EnumSource
  @FirstCases(2)
  void everyWidthGivesTheSameBits(Activation activation) {
    for (int columns : WIDTHS) {
      sameBits(
          columns + " columns",
          operands -> {
            Samples samples = new Samples(columns);
            CpuTensor x = samples.spoil(samples.tensor(257, columns), 20);
            CpuTensor up = samples.spoil(samples.tensor(257, columns), 100);
            return all(activation, operands, x, up, 0);
          });
    }
  }

  @ParameterizedTest
  @EnumSource
  void edgesGiveTheSameBitsAtAnyPlace(Activation activation) {
    int[][] shapes = {
      {1, 1, 0},
      {3, 7, 0},
      {16, 64, 0},
      {16, 64, 1},
      {130, 1030, 0},
      {3, 85, 0},
      {1, 256, 0},
      {257, 1, 0},
      {31, 1031, 0}
    };
    for (int[] shape : shapes) {
      sameBits(
          Arrays.toString(shape),
          operands -> {
            Samples samples = new Samples(1);
            CpuTensor x = samples.withEdges(shape[0], shape[1], 3);
            CpuTensor up = samples.spoil(samples.tensor(shape[0], shape[1], 0, 2), 8);
            return all(activation, operands, x, up, shape[2]);
          });
    }
  }

  /** Every 65,536th float. */
  @ParameterizedTest
  @EnumSource
  void theWholeRangeGivesTheSameBits(Activation activation) {
    sameBits(
        activation.name(),
        operands ->
            all(activation, operands, Samples.wholeRange(), new Samples(5).tensor(256, 256), 0));
  }
}
