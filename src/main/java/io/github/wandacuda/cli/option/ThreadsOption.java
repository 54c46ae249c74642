package io.github.wandacuda.cli.option;

import io.github.wandacuda.error.ErrorDetails;
import picocli.CommandLine.Option;

/** How many threads of the CPU a command may take. */
public final class ThreadsOption {
  /** More than any machine has processors; each thread takes memory. */
  private static final int MOST = 1024;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "CPU threads, up to 1024 (default: one for each processor).")
  private Integer given;

  boolean given() {
    return given != null;
  }

  public int count() {
    int count = given == null ? Runtime.getRuntime().availableProcessors() : given;
    if (count < 1 || count > MOST) {
      throw ErrorDetails.of("--threads").refused("1 to " + MOST, count);
    }
    return count;
  }
}
