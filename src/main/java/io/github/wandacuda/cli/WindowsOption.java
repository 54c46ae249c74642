package io.github.wandacuda.cli;

import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.error.UsageException;
import picocli.CommandLine.Option;

/** The option for how many windows of a text are taken. */
final class WindowsOption {
  @Option(
      names = "--windows",
      paramLabel = "N",
      description = "Take the first N windows alone (default: all).")
  private Integer most;

  /**
   * Returns the windows that are taken.
   *
   * @throws UsageException if there is to be none
   */
  public EvaluationWindows of(EvaluationWindows all) {
    if (most != null && most < 1) {
      throw new UsageException("--windows: expected at least 1, found %d".formatted(most));
    }
    return most == null ? all : all.first(most);
  }
}
