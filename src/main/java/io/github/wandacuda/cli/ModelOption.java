package io.github.wandacuda.cli;

import io.github.wandacuda.model.ModelDirectory;
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

  ModelDirectory open() {
    return ModelDirectory.open(path);
  }
}
