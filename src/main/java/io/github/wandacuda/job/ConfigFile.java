package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.Malformed;
import io.github.wandacuda.model.ModelDirectory;
import java.io.IOException;
import java.nio.file.Path;

/** The {@code config.json} of an output, by which it is packed or isn't. */
final class ConfigFile {
  private ConfigFile() {}

  /** Writes it as a direction makes it of the model's. */
  static void write(Direction direction, ModelDirectory model, OutputDirectory output) {
    Path source = model.config().file();
    try {
      byte[] config = direction.config(source, InputFile.bytes(source));
      Path target = output.file(Path.of(SideFiles.CONFIG));
      AtomicWrite.replace(target, out -> out.write(config), FileModes.like(source));
    } catch (IOException e) {
      throw Malformed.unreadable(source, "a config.json", e);
    }
  }
}
