package io.github.wandacuda.cli;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.Sampler;
import picocli.CommandLine.Option;

/** Options for how many tokens are generated, and how each is chosen. */
final class SamplerOptions {
  @Option(
      names = "--tokens",
      paramLabel = "N",
      defaultValue = "128",
      description = "New tokens at most (default: ${DEFAULT-VALUE}).")
  private int tokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      defaultValue = "0",
      description =
          "What logits are divided by; 0 takes the likeliest (default: ${DEFAULT-VALUE}).")
  private double temperature;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "1",
      description =
          "Draw from the likeliest tokens of this probability (default: ${DEFAULT-VALUE}).")
  private double topP;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "The seed of the draws (default: ${DEFAULT-VALUE}).")
  private long seed;

  /**
   * Checks the options.
   *
   * @throws UsageException if a value is out of range
   */
  public void check() {
    if (tokens < 1) {
      throw wrong("--tokens", "1 or more", tokens);
    }
    if (!(temperature >= 0) || Double.isInfinite(temperature)) {
      throw wrong("--temperature", "0 or more", temperature);
    }
    if (!(topP > 0) || topP > 1) {
      throw wrong("--top-p", "more than 0 and at most 1", topP);
    }
  }

  private static UsageException wrong(String option, String expected, Object found) {
    return new UsageException(ErrorDetails.of(option).expected(expected, String.valueOf(found)));
  }

  /** Returns the most new tokens. */
  public int tokens() {
    return tokens;
  }

  /** Returns a new sampler, at the beginning of its draws. */
  public Sampler sampler() {
    return Sampler.of(temperature, topP, seed);
  }
}
