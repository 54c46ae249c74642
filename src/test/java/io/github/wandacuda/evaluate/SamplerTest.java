package io.github.wandacuda.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SamplerTest {
  private static final int DRAWS = 20_000;

  private static double[] shares(Sampler sampler, float... logits) {
    double[] shares = new double[logits.length];
    for (int i = 0; i < DRAWS; i++) {
      shares[sampler.choose(logits)] += 1.0 / DRAWS;
    }
    return shares;
  }

  @Test
  void greedyTakesTheLowestOfTheLikeliest() {
    assertThat(Sampler.GREEDY.choose(new float[] {-3, 2, 2, 1})).isEqualTo(1);
    assertThat(Sampler.GREEDY.choose(new float[] {-0f, 0f})).isZero();
    assertThat(Sampler.of(0, 1, 7)).isSameAs(Sampler.GREEDY);
  }

  @ParameterizedTest
  @CsvSource({"1", "0.5", "2"})
  void sharesAreThoseOfTheSoftmax(double temperature) {
    float[] logits = {0, -1, 1, -0.5f};
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit / temperature);
    }
    double[] shares = shares(Sampler.of(temperature, 1, 1), logits);
    for (int id = 0; id < logits.length; id++) {
      assertThat(shares[id]).isCloseTo(Math.exp(logits[id] / temperature) / sum, within(0.015));
    }
  }

  /** Probabilities are 0.5, 0.25, 0.125 and 0.125. */
  @ParameterizedTest
  @CsvSource({"0.01, 1", "0.5, 1", "0.51, 2", "0.75, 2", "0.8, 3", "0.875, 3", "0.9, 4", "1, 4"})
  void theNucleusIsTheFewestLikeliestTokens(double topP, int tokens) {
    float two = (float) Math.log(2);
    double[] shares = shares(Sampler.of(1, topP, 1), 0, 2 * two, 0, two);
    int[] order = {1, 3, 0, 2};
    for (int i = 0; i < order.length; i++) {
      assertThat(shares[order[i]] > 0).as("token %d", order[i]).isEqualTo(i < tokens);
    }
  }

  /** The draws are part of what a seed promises. */
  @Test
  void aSeedGivesTheSameTokensEverywhere() {
    Sampler sampler = Sampler.of(0.8, 0.95, 42);
    float[] logits = new float[1000];
    for (int id = 0; id < logits.length; id++) {
      logits[id] = (id * 7919 % 1000) / 250f - 2;
    }
    int[] drawn = new int[5];
    for (int i = 0; i < drawn.length; i++) {
      drawn[i] = sampler.choose(logits);
    }
    assertThat(drawn).containsExactly(793, 768, 149, 581, 558);
  }

  @Test
  void extremesDoNoHarm() {
    Sampler cold = Sampler.of(1e-30, 1, 1);
    assertThat(cold.choose(new float[] {-1e38f, 3e38f, 1e38f})).isEqualTo(1);
    Sampler hot = Sampler.of(1e30, 1, 1);
    assertThat(shares(hot, -100, 100)[0]).isCloseTo(0.5, within(0.02));
  }
}
