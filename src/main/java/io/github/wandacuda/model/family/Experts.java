package io.github.wandacuda.model.family;

import io.github.wandacuda.model.ModelConfig;

/** What mixtures of experts have in their configs. */
final class Experts {
  private static final String PER_TOKEN = "num_experts_per_tok";

  private Experts() {}

  /** Reads how many of the experts a token goes to. */
  static int perToken(ModelConfig config, int experts) {
    int count = config.positive(PER_TOKEN);
    if (count > experts) {
      throw config.wrong(
          PER_TOKEN, "at most the %d experts".formatted(experts), config.root().get(PER_TOKEN));
    }
    return count;
  }
}
