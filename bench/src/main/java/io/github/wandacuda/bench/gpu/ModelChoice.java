package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.bench.common.Directories;
import io.github.wandacuda.bench.common.Machine;
import io.github.wandacuda.bench.common.ModelShape;
import java.nio.file.Path;

/**
 * How much of a model fits a machine.
 *
 * @param shape the model, with as many layers as fit; fewer than two are none
 * @param limit what left layers out, or an empty text
 */
record ModelChoice(ModelShape shape, String limit) {
  /** The model, and two outputs side by side, with room to spare. */
  private static final double DISK = 3.2;

  /** The model and an output, which the cache of files should hold. */
  private static final double MEMORY = 2.2;

  /** How long a phase may take, in times that it takes to write the model. */
  private static final double WRITES = 24;

  /**
   * Chooses the layers.
   *
   * @param wanted the whole model
   * @param directory where it will be written
   * @param secondsPerByte that writing takes
   * @param seconds for all of it
   */
  static ModelChoice of(ModelShape wanted, Path directory, double secondsPerByte, double seconds) {
    return of(
        wanted,
        Directories.usableSpace(directory) / DISK,
        Machine.availableMemory() / MEMORY,
        seconds / WRITES / secondsPerByte);
  }

  /** Chooses the layers by the bytes of a model that each limit allows. */
  static ModelChoice of(ModelShape wanted, double byDisk, double byMemory, double byTime) {
    double least = Math.min(byDisk, Math.min(byMemory, byTime));
    String limit = least == byDisk ? "disk" : least == byMemory ? "memory" : "time";
    long without = wanted.withLayers(0).bytes();
    long layer = wanted.withLayers(1).bytes() - without;
    int fitting = (int) Math.clamp((least - without) / layer, 0, wanted.layers());
    return new ModelChoice(wanted.withLayers(fitting), fitting == wanted.layers() ? "" : limit);
  }

  boolean isModel() {
    return shape.layers() >= 2;
  }
}
