package io.github.wandacuda.cli.option;

import picocli.CommandLine.Option;

/** Whether result files may replace files that this program didn't write. */
public final class OverwriteOption {
  @Option(
      names = "--overwrite",
      description =
          "Let result files replace files that this program didn't write; never what the run"
              + " reads.")
  private boolean overwrite;

  public boolean given() {
    return overwrite;
  }
}
