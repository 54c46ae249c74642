package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.List;

/** What packing and unpacking do each in their own way. */
interface Direction {
  /** Returns the command's name. */
  String name();

  /**
   * Checks that a model can go this way.
   *
   * @throws io.github.wandacuda.error.InputException if it is packed already, or isn't
   */
  void require(ModelDirectory model);

  /** Returns whether the output is packed. */
  boolean packs();

  /** Returns the bytes of the output's {@code config.json}. */
  byte[] config(Path file, byte[] source);

  /**
   * Writes some shards side by side.
   *
   * @param modules the linear modules, of which those in the shards may be packed
   * @param shards some of the source's shards
   * @param done called after each tensor
   */
  void write(
      List<LinearModule> modules,
      List<SafetensorsFile> shards,
      NewShards output,
      Workers workers,
      Runnable done);
}
