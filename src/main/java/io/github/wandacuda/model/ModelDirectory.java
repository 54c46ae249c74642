package io.github.wandacuda.model;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.checkpoint.Checkpoint;
import java.nio.file.Path;
import java.util.List;

/**
 * A Hugging Face model directory, open for reading.
 *
 * @param path the directory
 * @param config its {@code config.json}
 * @param checkpoint its weights
 * @param modules the linear modules inside its decoder blocks, in code-point order of their names
 */
public record ModelDirectory(
    Path path, ModelConfig config, Checkpoint checkpoint, List<LinearModule> modules)
    implements AutoCloseable {

  /**
   * Opens a model directory.
   *
   * @throws InputException if its config or weights are missing or broken
   */
  public static ModelDirectory open(Path path) {
    ModelConfig config = ModelConfig.read(path);
    Checkpoint checkpoint = Checkpoint.open(path);
    return new ModelDirectory(path, config, checkpoint, LinearModules.of(config, checkpoint));
  }

  /**
   * Returns the modules that a choice selects.
   *
   * @throws InputException if the model has none at all
   */
  public List<LinearModule> choose(ModuleChoice choice) {
    if (modules.isEmpty()) {
      throw new InputException(
          ErrorDetails.file(path)
              .expected("matrices named ...layers.<n>....weight", "no linear modules")
              .hint("only linear modules inside the blocks of a language model are pruned"));
    }
    return choice.of(modules);
  }

  @Override
  public void close() {
    checkpoint.close();
  }
}
