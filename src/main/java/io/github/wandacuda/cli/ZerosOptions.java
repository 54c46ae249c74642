package io.github.wandacuda.cli;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Options for the check that a model has all zeros of another one. */
final class ZerosOptions {
  private static final String ZEROS_OF = "--zeros-of";

  @Option(
      names = ZEROS_OF,
      paramLabel = "DIR",
      description =
          "A pruned model: check that every zero of its linear weights is a zero of --model.")
  private String pruned;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "With --zeros-of: the model that was made of it, merged or fine-tuned.")
  private String model;

  /**
   * Returns whether the zeros are to be checked.
   *
   * @throws UsageException if the options contradict each other
   */
  public boolean check(OutputOptions output) {
    if (pruned == null && model != null) {
      throw new UsageException("--model needs --zeros-of DIR");
    }
    if (pruned == null) {
      return false;
    }
    output.exclude(
        ZEROS_OF,
        "--dense",
        "--pruned",
        "--strict",
        "--method",
        "--sparsity",
        "--pattern",
        "--include",
        "--exclude",
        "--cluster");
    if (model == null) {
      throw new UsageException(
          ErrorDetails.saying("--zeros-of needs --model DIR").hint("the model to check"));
    }
    return true;
  }

  /** Returns the directory of the pruned model. */
  public Path pruned() {
    return HubCache.of(System.getenv()).directory(pruned);
  }

  /** Returns the directory of the other model. */
  public Path model() {
    return HubCache.of(System.getenv()).directory(model);
  }
}
