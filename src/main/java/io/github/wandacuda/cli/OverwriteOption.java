package io.github.wandacuda.cli;

import picocli.CommandLine.Option;

/** Whether result files may replace files that this program didn't write. */
final class OverwriteOption {
  @Option(
      names = "--overwrite",
      description =
          "Let result files replace files that this program didn't write; never what the run"
              + " reads.")
  private boolean overwrite;

  boolean given() {
    return overwrite;
  }
}
