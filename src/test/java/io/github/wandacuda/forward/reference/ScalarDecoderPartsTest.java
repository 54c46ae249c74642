package io.github.wandacuda.forward.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.cpu.CpuOperations;
import io.github.wandacuda.system.Workers;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The parts that decoder families differ in: the scalar kernels against formulas in float64. */
class ScalarDecoderPartsTest {
  private final Workers workers = new Workers(2);
  private final Operations operations = CpuOperations.checked(new ScalarForward(), workers);
  private final Samples samples = new Samples(17);

  @AfterEach
  void close() {
    workers.close();
  }

  private static double at(CpuTensor tensor, int row, int column) {
    return tensor.data()[tensor.at(row) + column];
  }

  private static CpuTensor row(int rows, float... values) {
    CpuTensor tensor = CpuTensor.zeros(rows, values.length / rows);
    System.arraycopy(values, 0, tensor.data(), 0, values.length);
    return tensor;
  }

  @ParameterizedTest
  @CsvSource({"1, 2, 0", "3, 15, 5", "2, 16, -100", "3, 1000, 1000"})
  void layerNormTakesTheMeanAndDividesByTheDeviation(int tokens, int columns, float shift) {
    CpuTensor x = samples.tensor(tokens, columns);
    for (int i = 0; i < x.elements(); i++) {
      x.data()[x.at(0) + i] += shift;
    }
    CpuTensor gain = samples.tensor(1, columns);
    CpuTensor bias = samples.tensor(1, columns);
    CpuTensor out = samples.tensor(tokens, columns);
    operations.layerNorm(x, gain, bias, 1e-2f, out);
    for (int t = 0; t < tokens; t++) {
      double mean = 0;
      for (int c = 0; c < columns; c++) {
        mean += at(x, t, c) / columns;
      }
      double variance = 0;
      for (int c = 0; c < columns; c++) {
        variance += Math.pow(at(x, t, c) - mean, 2) / columns;
      }
      for (int c = 0; c < columns; c++) {
        double normal = (at(x, t, c) - mean) / Math.sqrt(variance + 1e-2f);
        double expected = normal * at(gain, 0, c) + at(bias, 0, c);
        assertThat(at(out, t, c)).isCloseTo(expected, within(2e-6 * (1 + Math.abs(shift))));
      }
    }
  }

  private static double activation(Activation activation, double x) {
    return switch (activation) {
      case SILU -> x / (1 + Math.exp(-x));
      case GELU -> x * (x < 0 ? tail(-x) : 1 - tail(x));
      case GELU_TANH ->
          x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
      case QUICK_GELU -> x / (1 + Math.exp(-1.702 * x));
      case RELU -> Math.max(x, 0);
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

  @ParameterizedTest
  @EnumSource
  void activationsFollowTheirFormulas(Activation activation) {
    CpuTensor x = CpuTensor.zeros(1, 4001);
    for (int i = 0; i <= 4000; i++) {
      x.data()[i] = (i - 2000) * 0.005f;
    }
    CpuTensor out = CpuTensor.zeros(1, 4001);
    operations.activate(activation, x, out);
    for (int i = 0; i <= 4000; i++) {
      double expected = activation(activation, at(x, 0, i));
      double allowed = 4e-7 * Math.abs(at(x, 0, i));
      assertThat(at(out, 0, i)).as("%s", at(x, 0, i)).isCloseTo(expected, within(allowed));
    }
    CpuTensor up = samples.tensor(1, 4001);
    operations.gate(activation, x, up, x);
    for (int i = 0; i <= 4000; i++) {
      assertThat(x.data()[i]).isEqualTo(out.data()[i] * up.data()[up.at(0) + i]);
    }
  }

  @ParameterizedTest
  @EnumSource
  void activationsOfExtremes(Activation activation) {
    CpuTensor x = row(1, -200f, 200f, Float.POSITIVE_INFINITY, Float.NaN, 0f, -0f, 1e-40f);
    operations.activate(activation, x, x);
    assertThat(x.data()[0]).isBetween(-1e-30f, 0f);
    assertThat(Arrays.copyOfRange(x.data(), 1, 6))
        .containsExactly(200f, Float.POSITIVE_INFINITY, Float.NaN, 0f, -0f);
    assertThat(x.data()[6]).isBetween(0f, 1e-40f);
  }

  /** A dead unit's norm is exactly 0. */
  @Test
  void reluOfANegativeIsZero() {
    CpuTensor x = row(1, -1e-40f, -1f, Float.NEGATIVE_INFINITY);
    operations.activate(Activation.RELU, x, x);
    assertThat(x.data()).containsExactly(0f, 0f, 0f);
  }

  @Test
  void softcapBoundsAndScaleMultiplies() {
    CpuTensor x = row(1, -1e9f, -20f, -0.1f, 0f, 3f, 40f, Float.POSITIVE_INFINITY, Float.NaN);
    CpuTensor before = Samples.copy(x);
    operations.softcap(x, 30f);
    for (int i = 0; i < 7; i++) {
      double expected = 30 * Math.tanh(before.data()[i] / 30.0);
      assertThat(at(x, 0, i)).isCloseTo(expected, within(2e-7 * Math.abs(expected)));
    }
    assertThat(x.data()[7]).isNaN();
    operations.scale(x, 0.5f);
    assertThat(x.data()[0]).isEqualTo(-15f);
  }

  @Test
  void rotationOfAPartLeavesTheRest() {
    CpuTensor x = row(2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    operations.rotate(x, 3, row(2, 1, 0), row(2, 0, 1));
    assertThat(x.data()).containsExactly(1, 2, 3, 4, 5, 6, -8, 7, 9, -11, 10, 12);
  }

  /** Sizes are length, heads, key and value heads, features, softcap, window. */
  @ParameterizedTest
  @CsvSource({"7, 2, 1, 3, 0, 0", "40, 4, 2, 8, 0, 16", "300, 1, 1, 4, 2, 257", "9, 3, 3, 5, 1, 1"})
  void attentionFollowsItsFormula(
      int length, int heads, int shared, int size, float cap, int window) {
    AttentionShape shape = new AttentionShape(length, heads, shared, size, 0.6f, cap, window);
    CpuTensor q = samples.tensor(2 * length, heads * size);
    CpuTensor k = samples.tensor(2 * length, shared * size);
    CpuTensor v = samples.tensor(2 * length, shared * size);
    CpuTensor bias = samples.tensor(heads, length);
    CpuTensor out = samples.tensor(2 * length, heads * size);
    operations.attention(q, k, v, shape, bias, out);
    for (int t = 0; t < q.rows(); t++) {
      for (int head = 0; head < heads; head++) {
        double[] weights = weights(q, k, shape, bias, t, head);
        for (int d = 0; d < size; d++) {
          double sum = 0;
          int column = head * shared / heads * size + d;
          for (int j = 0; j < length; j++) {
            sum += weights[j] * at(v, t - t % length + j, column);
          }
          assertThat(at(out, t, head * size + d)).isCloseTo(sum, within(3e-6));
        }
      }
    }
  }

  private static double[] weights(
      CpuTensor q, CpuTensor k, AttentionShape shape, CpuTensor bias, int token, int head) {
    int length = shape.sequenceLength();
    int size = shape.headSize();
    double[] weights = new double[length];
    double sum = 0;
    for (int j = 0; j <= token % length; j++) {
      double score = 0;
      int shared = head * shape.keyValueHeads() / shape.heads();
      for (int d = 0; d < size; d++) {
        score +=
            at(q, token, head * size + d) * at(k, token - token % length + j, shared * size + d);
      }
      score *= shape.scale();
      score = shape.softcap() == 0 ? score : shape.softcap() * Math.tanh(score / shape.softcap());
      boolean seen = shape.window() == 0 || token % length - shape.window() < j;
      weights[j] = seen ? Math.exp(score + at(bias, head, j)) : 0;
      sum += weights[j];
    }
    for (int j = 0; j < length; j++) {
      weights[j] /= sum;
    }
    return weights;
  }

  @Test
  void columnsOfGroupsComeTogether() {
    CpuTensor x = row(2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    CpuTensor out = CpuTensor.zeros(2, 4);
    operations.gatherColumns(x, 1, 2, 3, out);
    assertThat(out.data()).containsExactly(1, 2, 4, 5, 9, 10, 12, 13);
  }

  @Test
  void rowsComeAndGoBackWeighed() {
    CpuTensor x = row(3, 1, 2, 3, 4, 5, 6);
    CpuTensor some = CpuTensor.zeros(2, 2);
    operations.gatherRows(x, new int[] {2, 2}, some);
    assertThat(some.data()).containsExactly(5, 6, 5, 6);
    operations.addRows(some, new int[] {2, 0}, new float[] {10f, -1f}, x);
    assertThat(x.data()).containsExactly(-4, -4, 3, 4, 55, 66);
    operations.clear(x.rows(1, 1));
    assertThat(x.data()).containsExactly(-4, -4, 0, 0, 55, 66);
  }

  @Test
  void routingTakesTheMostProbableExperts() {
    float two = (float) Math.log(2);
    CpuTensor logits = row(2, 0, two, 2 * two, 0, 5, 5, 5, 5);
    Routing plain = operations.route(logits, 2, false);
    assertThat(plain.experts()).containsExactly(2, 1, 0, 1);
    assertThat(plain.weights())
        .containsExactly(new float[] {0.5f, 0.25f, 0.25f, 0.25f}, within(1e-7f));
    float third = 1 / 3f;
    assertThat(operations.route(logits, 2, true).weights())
        .containsExactly(new float[] {2 * third, third, 0.5f, 0.5f}, within(1e-7f));
  }
}
