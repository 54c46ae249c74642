package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.forward.RoutingRule.Groups;
import io.github.wandacuda.forward.RoutingRule.Scores;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The choice of experts: the scalar code's experts and its weights' bits everywhere. */
@EachBackend
class RouteTest extends OperationCases {
  RouteTest(OpenedBackend backend) {
    super(backend);
  }

  private static CpuTensor routed(
      Operands operands, CpuTensor logits, int offset, int k, boolean renormalize) {
    return routed(operands, logits, null, offset, RoutingRule.softmax(k, renormalize));
  }

  /** Returns experts in the first row and weights in the second. */
  private static CpuTensor routed(
      Operands operands, CpuTensor logits, CpuTensor correction, int offset, RoutingRule rule) {
    Routing routing =
        operands
            .operations()
            .route(
                operands.in(logits, offset),
                correction == null ? null : operands.in(correction),
                rule);
    int count = logits.rows() * rule.expertsPerToken();
    assertThat(routing.expertsPerToken()).isEqualTo(rule.expertsPerToken());
    assertThat(routing.experts()).hasSize(count);
    CpuTensor both = CpuTensor.zeros(2, count);
    for (int i = 0; i < count; i++) {
      both.data()[i] = routing.experts()[i];
      both.data()[count + i] = routing.weights()[i];
    }
    return both;
  }

  /** With weights as they are and renormalized. */
  private void sameChoice(CpuTensor logits, int offset, int k) {
    for (boolean renormalize : new boolean[] {true, false}) {
      sameBits(
          "renormalized " + renormalize,
          operands -> routed(operands, logits, offset, k, renormalize));
    }
  }

  @Test
  void theMostProbableExpertsAreChosen() {
    float two = (float) Math.log(2);
    float third = 1 / 3f;
    // Of 0 and -0 too the first is chosen first.
    CpuTensor logits = Samples.of(3, 0, two, 2 * two, 0, 5, 5, 5, 5, -0f, 0, 0, -0f);
    each(
        operands -> routed(operands, logits, 0, 2, false),
        found ->
            assertThat(found.data())
                .containsExactly(
                    new float[] {2, 1, 0, 1, 0, 1, 0.5f, 0.25f, 0.25f, 0.25f, 0.25f, 0.25f},
                    within(1e-7f)));
    each(
        operands -> routed(operands, logits, 0, 2, true),
        found ->
            assertThat(found.data())
                .containsExactly(
                    new float[] {2, 1, 0, 1, 0, 1, 2 * third, third, 0.5f, 0.5f, 0.5f, 0.5f},
                    within(1e-7f)));
  }

  @Test
  void aCorrectionChoosesAndDoesNotWeigh() {
    float three = (float) Math.log(3);
    CpuTensor logits = Samples.of(1, 0, three, -three, 0);
    CpuTensor correction = Samples.of(1, 0, -1, 0.5f, 0.125f);
    RoutingRule rule = RoutingRule.of(Scores.SIGMOID, 2, false);
    each(
        operands -> routed(operands, logits, correction, 0, rule),
        found ->
            assertThat(found.data())
                .containsExactly(new float[] {2, 3, 0.25f, 0.5f}, within(1e-7f)));
    each(
        operands -> routed(operands, logits, null, 0, rule),
        found ->
            assertThat(found.data())
                .containsExactly(new float[] {1, 0, 0.75f, 0.5f}, within(1e-7f)));
    RoutingRule whole = RoutingRule.of(Scores.SIGMOID, 2, true).weighed(0, 3);
    each(
        operands -> routed(operands, logits, correction, 0, whole),
        found -> assertThat(found.data()).containsExactly(new float[] {2, 3, 1, 2}, within(1e-6f)));
    RoutingRule least = RoutingRule.of(Scores.SIGMOID, 2, true).weighed(3, 1);
    each(
        operands -> routed(operands, logits, correction, 0, least),
        found ->
            assertThat(found.data())
                .containsExactly(new float[] {2, 3, 0.25f / 3, 0.5f / 3}, within(1e-7f)));
  }

  /** The best expert is in the first group, the best two together in the second. */
  @Test
  void groupsAreRankedByTheirBestOrTheirTwoBest() {
    CpuTensor logits = Samples.of(1, 3, -5, 2, 1.9f, 0, 1);
    for (int best = 1; best <= 2; best++) {
      RoutingRule rule = RoutingRule.of(Scores.SIGMOID, 2, false).in(new Groups(3, 1, best));
      float[] experts = best == 1 ? new float[] {0, 1} : new float[] {2, 3};
      each(
          operands -> routed(operands, logits, null, 0, rule),
          found -> assertThat(Arrays.copyOf(found.data(), 2)).containsExactly(experts));
    }
  }

  /** Of the logits 2, 1.9, 1 and -3 only those within a tenth of the highest count. */
  @Test
  void aSparseMixerWeighsAmongTheExpertsThatAreNearEnough() {
    CpuTensor logits = Samples.of(1, 1, 2, -3, 1.9f);
    RoutingRule rule = new RoutingRule(Scores.SPARSE_MIXER, 2, Groups.ONE, false, 0, 1, 0.1f);
    float share = (float) (1 / (1 + Math.exp(-0.1)));
    each(
        operands -> routed(operands, logits, null, 0, rule),
        found ->
            assertThat(found.data()).containsExactly(new float[] {1, 3, share, 1}, within(1e-6f)));
  }

  @ParameterizedTest
  @CsvSource({
    "SOFTMAX, 1, 1, 1", "SOFTMAX, 8, 3, 1", "SOFTMAX, 4, 2, 2",
    "SIGMOID, 1, 1, 1", "SIGMOID, 4, 2, 2", "SIGMOID, 32, 20, 2",
    "SIGMOID, 64, 40, 1", "SPARSE_MIXER, 1, 1, 1"
  })
  void everyRuleGivesTheSameBits(Scores scores, int groups, int chosen, int best) {
    Samples samples = new Samples(groups);
    for (int experts : new int[] {64, 192}) {
      CpuTensor logits = samples.tensor(19, experts, 0, 2);
      CpuTensor correction = samples.tensor(1, experts);
      RoutingRule rule =
          new RoutingRule(
              scores, 5, new Groups(groups, chosen, best), groups != 8, 1e-20f, 2.5f, 0.4f);
      sameBits("uncorrected", operands -> routed(operands, logits, null, 3, rule));
      sameBits("corrected", operands -> routed(operands, logits, correction, 0, rule));
      for (int i = 0; i < experts; i++) {
        correction.data()[correction.at(0) + i] = i % 3 - 1;
      }
      CpuTensor equal = CpuTensor.zeros(3, experts);
      sameBits("equal", operands -> routed(operands, equal, correction, 0, rule));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1", "5, 4, 2", "16, 16, 16",
    "17, 60, 4", "3, 128, 8", "40, 17, 17",
    "2, 999, 3"
  })
  void anyNumberOfExpertsGivesTheSameBits(int tokens, int experts, int k) {
    Samples samples = new Samples(experts);
    sameChoice(samples.tensor(tokens, experts), 0, k);
    if (!which().isCuda()) {
      sameChoice(samples.spoil(samples.tensor(tokens, experts), 40), 0, k);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 0", "7, 6, 3, 1", "8, 8, 2, 0",
    "9, 16, 16, 0", "130, 60, 4, 0", "3, 128, 8, 0",
    "2, 1000, 40, 3"
  })
  void someEqualLogitsAtAnyPlaceGiveTheSameBits(int tokens, int experts, int k, int offset) {
    CpuTensor logits = new Samples(experts).tensor(tokens, experts, 0, 2);
    for (int i = 0; i < logits.elements(); i += 3) {
      logits.data()[logits.at(0) + i] = Math.round(logits.data()[logits.at(0) + i]);
    }
    sameChoice(logits, offset, k);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 20, 50})
  void equalExpertsComeFromTheLowestOn(int k) {
    CpuTensor logits = new Samples(11).tensor(33, 50);
    for (int i = 0; i < logits.elements(); i++) {
      logits.data()[logits.at(0) + i] = Math.round(logits.data()[logits.at(0) + i]);
    }
    sameChoice(logits, 0, k);
  }

  /**
   * Some logits differ by so much that probabilities are 0, others so little that they are equal.
   */
  @Test
  void logitsMayBeFarApartOrNearEachOther() {
    CpuTensor logits = new Samples(11).tensor(20, 40);
    for (int i = 0; i < logits.elements(); i++) {
      logits.data()[logits.at(0) + i] *= i / 40 < 10 ? 1e30f : 1e-8f;
    }
    sameChoice(logits, 0, 40);
    float lowest = Float.NEGATIVE_INFINITY;
    sameChoice(Samples.of(2, 3e38f, -3e38f, 0, 90, lowest, 1e4f, 1e4f, -1e4f), 0, 2);
  }

  /** Whatever the weights, experts are different ones that exist. */
  @Test
  void logitsThatAreNoNumbersStillChooseDifferentExperts() {
    float nan = Float.NaN;
    CpuTensor logits = Samples.of(3, nan, nan, nan, 1, nan, 2, Float.POSITIVE_INFINITY, 0, 0);
    each(
        operands -> routed(operands, logits, 0, 2, true),
        found -> {
          for (int token = 0; token < 3; token++) {
            double one = at(found, 0, 2 * token);
            double other = at(found, 0, 2 * token + 1);
            assertThat(one).isBetween(0.0, 2.0).isNotEqualTo(other);
            assertThat(other).isBetween(0.0, 2.0);
          }
        });
  }

  @Test
  void noTokensChooseNothing() {
    each(
        operands -> routed(operands, CpuTensor.zeros(0, 4), 0, 2, true),
        found -> assertThat(found.elements()).isZero());
  }
}
