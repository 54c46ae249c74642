package io.github.wandacuda.pruning.tune;

import io.github.wandacuda.calibration.ExpertSamples;
import io.github.wandacuda.calibration.HalfSamples;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.HalfParts;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.IntConsumer;

/**
 * Fits the experts of a mixture, one after the other, each on the tokens that the router sends to
 * it: to what is missing behind all other experts as they are by then. The expert that all tokens
 * go to comes first. The router stays as it is, so that each token keeps its experts.
 *
 * @param weights of the block
 * @param samples what the mixture reads, and what is missing behind it, which each fit makes less
 * @param together how many tokens run at once
 */
record MixtureFit(BlockWeights weights, HalfSamples samples, int together) {
  /**
   * An expert with fewer tokens keeps its weights: a fit would be one to what these happen to be.
   */
  static final int FEWEST_TOKENS = 256;

  /**
   * Fits the experts with a module to be fitted.
   *
   * @param experts all, in the order of their fits
   * @param random draws the samples of each step
   * @param passed told after each step how many are done of those of one fit
   * @return what became of each expert that was fitted
   */
  List<PartFit.Fitted> run(List<HalfParts.OfMlp> experts, Random random, IntConsumer passed) {
    List<HalfParts.OfMlp> chosen = experts.stream().filter(this::isFitted).toList();
    List<PartFit.Fitted> all = new ArrayList<>();
    for (HalfParts.OfMlp expert : chosen) {
      int before = all.size() * GradientFit.STEPS;
      all.add(fit(expert, random, step -> passed.accept((before + step) / chosen.size())));
    }
    return all;
  }

  private boolean isFitted(HalfParts.OfMlp expert) {
    return weights.areFitted(expert) && samples.tokens(output(expert)) >= FEWEST_TOKENS;
  }

  private static String output(HalfParts.OfMlp expert) {
    return expert.linears().getLast().module();
  }

  private PartFit.Fitted fit(HalfParts.OfMlp expert, Random random, IntConsumer passed) {
    try (ExpertSamples own = samples.expert(output(expert))) {
      PartFit.Fitted fitted;
      try (PartFit part = opened(expert)) {
        addOutputs(part, own, 1);
        fitted = part.run(own, random, passed);
      }
      // The weights as they were rounded, or as they were.
      try (PartFit part = opened(expert)) {
        addOutputs(part, own, -1);
      }
      samples.replaceTargets(own);
      return fitted;
    }
  }

  private PartFit opened(HalfParts.OfMlp expert) {
    return new PartFit(weights, expert, sequences(), ExpertSamples.LENGTH);
  }

  private int sequences() {
    return Math.clamp(together / ExpertSamples.LENGTH, 1, GradientFit.BATCH);
  }

  private void addOutputs(PartFit part, ExpertSamples own, int sign) {
    int most = sequences() * ExpertSamples.LENGTH;
    try (Tensor input = weights.products().operations().tensor(most, own.hiddenSize())) {
      for (int from = 0; from < own.tokens(); from += most) {
        Tensor some = input.rows(0, Math.min(most, own.tokens() - from));
        own.readTokens(from, some);
        own.addToTargets(from, part.forward(some), sign);
      }
    }
  }
}
