package io.github.wandacuda.cli;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Checks files that a command writes besides its main result, before the work that leads to them.
 */
final class ResultFiles {
  private static final List<String> READ =
      List.of(ModelConfig.FILE_NAME, Checkpoint.INDEX, "tokenizer.json");

  private ResultFiles() {}

  /**
   * Checks a file.
   *
   * @param option what named it, for messages
   * @param file the file, or null
   * @param model the model that is read
   * @param output the directory that is written, or null
   * @throws UsageException if it would replace a file of the model or go into the output
   * @throws OutputException if it can't be written
   */
  static void check(String option, Path file, ModelDirectory model, Path output) {
    if (file == null) {
      return;
    }
    Path absolute = real(file);
    if (isRead(absolute, model)) {
      throw new UsageException(
          "%s: %s is a file of the model, which is never replaced".formatted(option, file));
    }
    if (output != null && !output.equals(model.path()) && absolute.startsWith(real(output))) {
      throw new UsageException(
          "%s: %s lies in the output's directory; name another place".formatted(option, file));
    }
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      return; // A device or a pipe is written to as it is.
    }
    Path folder = file.toAbsolutePath().getParent();
    if (!Files.isDirectory(folder) || !Files.isWritable(folder)) {
      throw new OutputException(
          "%s: expected a folder that can be written for %s".formatted(folder, option));
    }
  }

  private static boolean isRead(Path file, ModelDirectory model) {
    boolean shard =
        model.checkpoint().shards().stream().anyMatch(read -> real(read.path()).equals(file));
    return shard || READ.stream().anyMatch(name -> real(model.path().resolve(name)).equals(file));
  }

  private static Path real(Path path) {
    Path absolute = path.toAbsolutePath().normalize();
    try {
      return absolute.toRealPath();
    } catch (IOException e) {
      Path parent = absolute.getParent();
      return parent == null ? absolute : real(parent).resolve(absolute.getFileName());
    }
  }
}
