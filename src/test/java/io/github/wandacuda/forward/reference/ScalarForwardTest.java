package io.github.wandacuda.forward.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.cpu.CpuOperations;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The scalar kernels against the formulas in float64. */
class ScalarForwardTest {
  /** Half a unit of a float32 in the last place, relative. */
  private static final double ROUNDING = 0x1p-24;

  private final Workers workers = new Workers(2);
  private final Operations operations = CpuOperations.checked(new ScalarForward(), workers);
  private final Samples samples = new Samples(7);

  @AfterEach
  void close() {
    workers.close();
  }

  private static double at(CpuTensor tensor, int row, int column) {
    return tensor.data()[tensor.at(row) + column];
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "3, 2, 255", "2, 3, 256", "2, 5, 257", "4, 17, 1000"})
  void linearIsWithinTheRoundingOfItsChains(int tokens, int features, int columns) {
    CpuTensor x = samples.tensor(tokens, columns);
    CpuTensor bias = samples.tensor(1, features);
    WeightMatrix w = samples.weight(DType.BF16, features, columns, Samples.Layout.ROWS);
    CpuTensor out = samples.tensor(tokens, features);
    operations.linear(x, operations.weight(w), bias, out);
    int roundings = Math.min(columns, 256) + columns / 256 + 1;
    for (int t = 0; t < tokens; t++) {
      for (int o = 0; o < features; o++) {
        double sum = at(bias, 0, o);
        double sizes = Math.abs(sum);
        for (int c = 0; c < columns; c++) {
          double product = at(x, t, c) * w.get(o, c);
          sum += product;
          sizes += Math.abs(product);
        }
        assertThat(at(out, t, o)).isCloseTo(sum, within(roundings * ROUNDING * sizes));
      }
    }
  }

  @Test
  void linearWithoutColumnsIsTheBias() {
    CpuTensor out = samples.tensor(2, 3);
    CpuTensor bias = samples.tensor(1, 3);
    WeightMatrix w = WeightMatrix.of(MemorySegment.NULL, DType.F32, 3, 0);
    operations.linear(CpuTensor.zeros(2, 0), operations.weight(w), bias, out);
    assertThat(Samples.bits(out.rows(0, 1))).isEqualTo(Samples.bits(bias));
    assertThat(Samples.bits(out.rows(1, 1))).isEqualTo(Samples.bits(bias));
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1, 1, 1", "2, 7, 2, 1, 3", "1, 40, 4, 2, 16", "2, 9, 3, 3, 300"})
  void attentionFollowsItsFormula(int sequences, int length, int heads, int shared, int size) {
    AttentionShape shape = new AttentionShape(length, heads, shared, size, 0.3f, 0, 0);
    CpuTensor q = samples.tensor(sequences * length, heads * size);
    CpuTensor k = samples.tensor(sequences * length, shared * size);
    CpuTensor v = samples.tensor(sequences * length, shared * size);
    CpuTensor out = samples.tensor(sequences * length, heads * size);
    operations.attention(q, k, v, shape, null, out);
    for (int t = 0; t < sequences * length; t++) {
      for (int column = 0; column < heads * size; column++) {
        assertThat(at(out, t, column)).isCloseTo(attended(q, k, v, shape, t, column), within(2e-5));
      }
    }
  }

  private static double attended(
      CpuTensor q, CpuTensor k, CpuTensor v, AttentionShape shape, int token, int column) {
    int size = shape.headSize();
    int head = column / size;
    int shared = head * shape.keyValueHeads() / shape.heads();
    double weights = 0;
    double sum = 0;
    for (int j = token - token % shape.sequenceLength(); j <= token; j++) {
      double score = 0;
      for (int d = 0; d < size; d++) {
        score += at(q, token, head * size + d) * at(k, j, shared * size + d);
      }
      double weight = Math.exp(score * shape.scale());
      weights += weight;
      sum += weight * at(v, j, shared * size + column % size);
    }
    return sum / weights;
  }

  @Test
  void attentionOfLargeScoresStaysFinite() {
    AttentionShape shape = new AttentionShape(2, 1, 1, 1, 1f, 0, 0);
    CpuTensor q = row(2, 300f, 300f);
    CpuTensor k = row(2, 300f, 200f);
    CpuTensor v = row(2, 5f, 7f);
    CpuTensor out = CpuTensor.zeros(2, 1);
    operations.attention(q, k, v, shape, null, out);
    assertThat(out.data()).containsExactly(5f, 5f);
  }

  private static CpuTensor row(int rows, float... values) {
    CpuTensor tensor = CpuTensor.zeros(rows, values.length / rows);
    System.arraycopy(values, 0, tensor.data(), 0, values.length);
    return tensor;
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 15", "2, 16", "3, 1000"})
  void rmsNormDividesByTheRootOfTheMeanSquare(int tokens, int columns) {
    CpuTensor x = samples.tensor(tokens, columns);
    CpuTensor gain = samples.tensor(1, columns);
    CpuTensor out = samples.tensor(tokens, columns);
    operations.rmsNorm(x, gain, 1e-2f, out);
    for (int t = 0; t < tokens; t++) {
      double squares = 0;
      for (int c = 0; c < columns; c++) {
        squares += at(x, t, c) * at(x, t, c);
      }
      double root = Math.sqrt(squares / columns + 1e-2f);
      for (int c = 0; c < columns; c++) {
        double expected = at(x, t, c) / root * at(gain, 0, c);
        assertThat(at(out, t, c)).isCloseTo(expected, within(Math.abs(expected) * 5e-6));
      }
    }
  }

  @Test
  void rotateTurnsEachPairByItsAngle() {
    int positions = 5;
    int half = 3;
    CpuTensor cos = CpuTensor.zeros(positions, half);
    CpuTensor sin = CpuTensor.zeros(positions, half);
    for (int i = 0; i < positions * half; i++) {
      cos.data()[i] = (float) Math.cos(i);
      sin.data()[i] = (float) Math.sin(i);
    }
    CpuTensor x = samples.tensor(2 * positions, 2 * 2 * half);
    CpuTensor before = Samples.copy(x);
    operations.rotate(x, 2 * half, cos, sin);
    for (int t = 0; t < x.rows(); t++) {
      for (int pair = 0; pair < 2 * half; pair++) {
        int first = pair / half * 2 * half + pair % half;
        double angle = t % positions * half + pair % half;
        double a = at(before, t, first);
        double b = at(before, t, first + half);
        assertThat(at(x, t, first))
            .isCloseTo(a * Math.cos(angle) - b * Math.sin(angle), within(1e-6));
        assertThat(at(x, t, first + half))
            .isCloseTo(b * Math.cos(angle) + a * Math.sin(angle), within(1e-6));
      }
    }
  }

  @Test
  void siluMultiplyGatesItsInput() {
    CpuTensor gate = samples.tensor(10, 50);
    CpuTensor up = samples.tensor(10, 50);
    CpuTensor out = CpuTensor.zeros(10, 50);
    operations.gate(Activation.SILU, gate, up, out);
    for (int c = 0; c < 500; c++) {
      double g = at(gate, 0, c);
      double expected = g / (1 + Math.exp(-g)) * at(up, 0, c);
      assertThat(at(out, 0, c)).isCloseTo(expected, within(Math.abs(expected) * 5e-7));
    }
  }

  @Test
  void siluOfExtremes() {
    CpuTensor gate =
        row(1, -200f, 200f, Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY, Float.NaN, -0f);
    CpuTensor up = row(1, 1f, 1f, 1f, 1f, 1f, 1f);
    operations.gate(Activation.SILU, gate, up, gate);
    assertThat(gate.data())
        .containsExactly(-0f, 200f, Float.NaN, Float.POSITIVE_INFINITY, Float.NaN, -0f);
  }

  @Test
  void addAdds() {
    CpuTensor x = row(2, 1f, 2f, 3f, Float.MAX_VALUE);
    operations.add(x, row(2, 10f, 20f, Float.NaN, Float.MAX_VALUE));
    assertThat(x.data()).containsExactly(11f, 22f, Float.NaN, Float.POSITIVE_INFINITY);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "31, 2", "32, 3", "33, 300", "200, 5"})
  void columnSquaresAddUpOverCalls(int tokens, int columns) {
    CpuTensor first = samples.tensor(tokens, columns);
    CpuTensor second = samples.tensor(tokens + 1, columns);
    try (var squares = operations.columnSquares(columns)) {
      assertThat(squares.sums()).containsOnly(0.0).hasSize(columns);
      squares.add(first);
      squares.add(second);
      double[] sums = squares.sums();
      for (int c = 0; c < columns; c++) {
        double expected = squares(first, c) + squares(second, c);
        assertThat(sums[c]).isCloseTo(expected, within(expected * 33 * ROUNDING));
      }
    }
  }

  private static double squares(CpuTensor x, int column) {
    double sum = 0;
    for (int t = 0; t < x.rows(); t++) {
      sum += at(x, t, column) * at(x, t, column);
    }
    return sum;
  }

  @Test
  void columnSquaresRoundAndSumInRunsOf32Rows() {
    float odd = 1 + 0x1p-12f;
    float[] column = new float[64];
    column[0] = odd;
    column[1] = 0x1p-13f;
    column[32] = 0x1p-13f;
    try (var squares = operations.columnSquares(1)) {
      squares.add(row(64, column));
      // The square of 1 + 2^-12 loses its 2^-24; so does the first small square beside it.
      assertThat(squares.sums()).containsExactly(1 + 0x1p-11 + 0x1p-26);
    }
  }

  @Test
  void crossEntropyIsTheNegativeLogOfTheTargetsShare() {
    CpuTensor logits = samples.tensor(20, 101);
    int[] targets = new int[20];
    for (int t = 0; t < 20; t++) {
      targets[t] = t * 5;
    }
    double[] losses = operations.crossEntropy(logits, targets);
    for (int t = 0; t < 20; t++) {
      double sum = 0;
      for (int c = 0; c < 101; c++) {
        sum += Math.exp(at(logits, t, c));
      }
      assertThat(losses[t]).isCloseTo(Math.log(sum) - at(logits, t, targets[t]), within(2e-6));
    }
  }

  @Test
  void crossEntropyOfExtremes() {
    float inf = Float.POSITIVE_INFINITY;
    CpuTensor logits = row(4, 1000f, 0f, -inf, 0f, Float.NaN, 0f, -3e38f, 3e38f);
    double[] losses = operations.crossEntropy(logits, new int[] {1, 0, 1, 1});
    assertThat(losses).containsExactly(1000.0, Double.POSITIVE_INFINITY, Double.NaN, 0.0);
  }
}
