package io.github.wandacuda.cli.option;

import picocli.CommandLine.Option;

/** Whether {@link ResultFiles} may replace files. */
public final class OverwriteOption {
  @Option(
      names = "--overwrite",
      description =
          "Let result files replace files that are there, earlier results too; never what the run"
              + " reads.")
  private boolean given;

  public boolean given() {
    return given;
  }
}
