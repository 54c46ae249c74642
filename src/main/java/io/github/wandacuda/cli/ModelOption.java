package io.github.wandacuda.cli;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.InPlaceJob;
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
   * @throws InputException also if it is pruned in place in part
   */
  ModelDirectory open() {
    if (InPlaceJob.isInterrupted(path)) {
      throw new InputException(
          path
              + ": expected a model, found one that is pruned in part: a run with --in-place was"
              + " interrupted; run the same again to end it");
    }
    return openAnyway();
  }

  /** Opens the model, which may be pruned in place in part. */
  ModelDirectory openAnyway() {
    return ModelDirectory.open(path);
  }
}
