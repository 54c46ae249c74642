package io.github.wandacuda.evaluate;

/** Chooses the next token. Given equal logits, it chooses the same on every machine. */
@FunctionalInterface
public interface Sampler {
  /** The most probable token, of equal ones the lowest. */
  Sampler GREEDY =
      logits -> {
        int best = 0;
        for (int id = 1; id < logits.length; id++) {
          best = logits[id] > logits[best] ? id : best;
        }
        return best;
      };

  /**
   * Returns a token.
   *
   * @param logits one for each token, finite
   */
  int choose(float[] logits);

  /**
   * Returns a sampler for the usual three numbers.
   *
   * @param temperature 0 for the most probable token, or what logits are divided by
   * @param topP the probability that the tokens drawn from have together, from above 0 to 1
   * @param seed of the draws
   */
  static Sampler of(double temperature, double topP, long seed) {
    return temperature == 0 ? GREEDY : new NucleusSampler(temperature, topP, seed);
  }
}
