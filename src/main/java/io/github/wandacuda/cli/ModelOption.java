package io.github.wandacuda.cli;

import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.UnfinishedRun;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The model that a command reads. */
final class ModelOption {
  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description = "A Hugging Face model directory.")
  private Path path;

  /**
   * Opens the model.
   *
   * @throws io.github.wandacuda.error.InputException also if it is unfinished
   */
  ModelDirectory open() {
    UnfinishedRun.requireNone(path);
    return openAnyway();
  }

  /** Opens the model, which may be pruned in place in part. */
  ModelDirectory openAnyway() {
    return ModelDirectory.open(path);
  }
}
