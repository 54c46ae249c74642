package io.github.wandacuda.cli;

import io.github.wandacuda.job.UnfinishedRun;
import io.github.wandacuda.model.ModelDirectory;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The option for the model that a command reads. */
final class ModelOption {
  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description =
          "A Hugging Face model directory, or the id (org/name) of a model that the local Hugging"
              + " Face cache holds. Nothing is downloaded.")
  private String given;

  /**
   * Opens the model.
   *
   * @throws io.github.wandacuda.error.InputException if it is broken or unfinished
   */
  public ModelDirectory open() {
    Path path = directory();
    UnfinishedRun.requireNone(path);
    return ModelDirectory.open(path);
  }

  /** Opens the model, even if a part of it is pruned in place. */
  public ModelDirectory openAnyway() {
    return ModelDirectory.open(directory());
  }

  private Path directory() {
    return HubCache.of(System.getenv()).directory(given);
  }
}
