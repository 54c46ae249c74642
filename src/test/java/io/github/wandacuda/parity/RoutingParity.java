package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The choice of experts on any backend, against the scalar one. */
@TestInstance(Lifecycle.PER_CLASS)
abstract class RoutingParity {
  private Backend backend;
  private BothOperations both;

  abstract Backend device();

  @BeforeAll
  void open() {
    backend = device();
    both = new BothOperations(backend.operations());
  }

  @AfterAll
  void close() {
    if (backend != null) {
      both.close();
      backend.close();
    }
  }

  private static Routing route(
      Operations operations, float[] logits, int experts, int k, boolean renormalize) {
    try (Tensor tensor =
        BothOperations.tensor(operations, logits.length / experts, experts, logits)) {
      return operations.route(tensor, k, renormalize);
    }
  }

  private void assertAgreement(float[] logits, int experts, int k) {
    for (boolean renormalize : new boolean[] {true, false}) {
      Routing found = route(both.own(), logits, experts, k, renormalize);
      Routing expected = route(both.scalar(), logits, experts, k, renormalize);
      assertThat(found.expertsPerToken()).isEqualTo(k);
      assertThat(found.experts()).isEqualTo(expected.experts());
      for (int i = 0; i < expected.weights().length; i++) {
        float weight = expected.weights()[i];
        assertThat(found.weights()[i]).as("%d", i).isCloseTo(weight, within(2e-6f * weight));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "5,4,2", "7,6,3", "40,60,4", "3,128,8", "300,17,17", "2,300,2"})
  void expertsAndWeightsAgree(int tokens, int experts, int k) {
    assertAgreement(both.normal(tokens * experts, 2), experts, k);
  }

  @Test
  void equalOnesComeFromTheLowestOn() {
    float[] logits = {1, 3, 3, 2, 3, 0, 0, 0, 0, 0};
    Routing found = route(both.own(), logits, 5, 4, false);
    assertThat(found.experts()).containsExactly(1, 2, 4, 3, 0, 1, 2, 3);
    assertAgreement(logits, 5, 4);
  }

  @Test
  void logitsOfAnySizeGiveFiniteWeights() {
    float inf = Float.POSITIVE_INFINITY;
    assertAgreement(new float[] {3e38f, -3e38f, 0, 90, -inf, 1e4f, 1e4f, -1e4f}, 4, 2);
  }

  /** Whatever the weights, experts stay different ones that exist. */
  @Test
  void logitsThatAreNoNumbersStillChooseDifferentExperts() {
    float nan = Float.NaN;
    float[] logits = {nan, nan, nan, 1, nan, 2, Float.POSITIVE_INFINITY, 0, 0};
    Routing found = route(both.own(), logits, 3, 2, true);
    for (int token = 0; token < 3; token++) {
      int one = found.experts()[2 * token];
      int other = found.experts()[2 * token + 1];
      assertThat(one).isBetween(0, 2).isNotEqualTo(other);
      assertThat(other).isBetween(0, 2);
    }
  }

  @Test
  void noTokensChooseNothing() {
    assertThat(route(both.own(), new float[0], 4, 2, true).experts()).isEmpty();
  }
}
