package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.util.Arrays;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Losses: the scalar code's bits, on CUDA within 2e-6. */
@EachBackend
class CrossEntropyTest extends OperationCases {
  private static final double CUDA = 1e-6;

  CrossEntropyTest(OpenedBackend backend) {
    super(backend);
  }

  private void agree(CpuTensor logits, int offset, int... targets) {
    if (!which().isCuda()) {
      sameBits("losses", operands -> bits(losses(operands, logits, offset, targets)));
      return;
    }
    double[] expected = new double[targets.length];
    try (Operands operands = new Operands(scalar())) {
      System.arraycopy(losses(operands, logits, 0, targets), 0, expected, 0, targets.length);
    }
    each(
        operands -> {
          double[] found = losses(operands, logits, offset, targets);
          for (int t = 0; t < found.length; t++) {
            if (Double.isNaN(expected[t])) {
              assertThat(found[t]).as("%d", t).isNaN();
            } else if (found[t] != expected[t]) {
              assertThat(found[t]).as("%d", t).isCloseTo(expected[t], within(CUDA));
            }
          }
          return logits;
        },
        same -> assertThat(same).isSameAs(logits));
  }

  private static double[] losses(Operands operands, CpuTensor logits, int offset, int... targets) {
    return operands.operations().crossEntropy(operands.in(logits, offset), targets);
  }

  @Test
  void aLossIsTheNegativeLogOfTheTargetsShare() {
    CpuTensor logits = new Samples(7).tensor(20, 101);
    int[] targets = IntStream.range(0, 20).map(t -> t * 5).toArray();
    ToDoubleFunction<Integer> expected =
        t -> {
          double sum = 0;
          for (int c = 0; c < 101; c++) {
            sum += Math.exp(at(logits, t, c));
          }
          return Math.log(sum) - at(logits, t, targets[t]);
        };
    each(
        operands -> {
          double[] losses = losses(operands, logits, 0, targets);
          for (int t = 0; t < 20; t++) {
            assertThat(losses[t]).isCloseTo(expected.applyAsDouble(t), within(2e-6));
          }
          return bits(losses);
        },
        found -> assertThat(found.rows()).isEqualTo(20));
  }

  @Test
  void lossesOfExtremes() {
    float inf = Float.POSITIVE_INFINITY;
    CpuTensor logits = Samples.of(4, 1000f, 0f, -inf, 0f, Float.NaN, 0f, -3e38f, 3e38f);
    double[] expected = {1000.0, Double.POSITIVE_INFINITY, Double.NaN, 0.0};
    each(
        operands -> bits(losses(operands, logits, 0, 1, 0, 1, 1)),
        found -> assertThat(Samples.bits(found)).isEqualTo(Samples.bits(bits(expected))));
  }

  @Test
  void everyVocabularyAgrees() {
    for (int vocabulary : WIDTHS) {
      Samples samples = new Samples(vocabulary);
      CpuTensor logits =
          samples.spoil(samples.tensor(40, vocabulary), which().isCuda() ? NEVER : 400);
      agree(logits, 0, IntStream.range(0, 40).map(t -> t % vocabulary).toArray());
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "15, 17", "17, 1000", "33, 15"})
  void anyNumberOfRowsAgrees(int rows, int columns) {
    Samples samples = new Samples(rows);
    int[] targets = new int[rows];
    Arrays.setAll(targets, t -> (t * 31 + 7) % columns);
    agree(samples.tensor(rows, columns), 0, targets);
    if (!which().isCuda()) {
      agree(samples.spoil(samples.tensor(rows, columns), 60), 0, targets);
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 0", "5, 0", "64, 0", "129, 0", "3000, 1"})
  void logitsFarApartAgree(int vocabulary, int offset) {
    CpuTensor logits = Samples.copy(new Samples(vocabulary).tensor(4, vocabulary, 0, 20));
    float[] values = logits.data();
    values[vocabulary - 1] = Float.NEGATIVE_INFINITY;
    values[vocabulary] = 500;
    Arrays.fill(values, 2 * vocabulary, 2 * vocabulary + vocabulary / 2, Float.NEGATIVE_INFINITY);
    agree(logits, offset, 0, vocabulary - 1, vocabulary / 2, 0);
  }

  @ParameterizedTest
  @CsvSource({"NaN", "Infinity"})
  void aLogitThatIsNoNumberShowsInItsRowAlone(float logit) {
    CpuTensor logits = Samples.copy(new Samples(1).tensor(2, 300));
    logits.data()[150] = logit;
    each(
        operands -> {
          double[] losses = losses(operands, logits, 0, 3, 3);
          assertThat(losses[0]).isNaN();
          assertThat(losses[1]).isFinite();
          return bits(losses);
        },
        found -> assertThat(found.rows()).isEqualTo(2));
  }
}
