package io.github.wandacuda.library;

import io.github.wandacuda.evaluate.Sampler;

/**
 * How tokens are chosen by a model's logits.
 *
 * @param temperature what logits are divided by, 0 or more; 0 takes the most probable token
 * @param topP tokens are drawn from the most probable ones that have this probability together,
 *     above 0 and at most 1
 * @param seed of the draws, which are the same everywhere
 */
public record Sampling(double temperature, double topP, long seed) {
  /** The most probable token each time. */
  public static final Sampling GREEDY = new Sampling(0, 1, 0);

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of its range
   */
  public Sampling {
    Sampler unused = of(temperature, topP, seed);
  }

  private static Sampler of(double temperature, double topP, long seed) {
    return Calls.argument(() -> Sampler.of(temperature, topP, seed));
  }

  /** Returns a sampler that begins with the first draw. */
  Sampler begin() {
    return of(temperature, topP, seed);
  }
}
