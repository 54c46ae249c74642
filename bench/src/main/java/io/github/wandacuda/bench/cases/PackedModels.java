package io.github.wandacuda.bench.cases;

import io.github.wandacuda.bench.common.Directories;
import io.github.wandacuda.bench.common.ModelFiles;
import io.github.wandacuda.bench.common.ModelShape;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * A pruned model of random weights, as it is and packed.
 *
 * @param dense the directory with its zeros
 * @param packed the directory without them
 */
public record PackedModels(Path dense, Path packed) {
  private static final long SHARD_BYTES = 1L << 30;

  /**
   * Writes a model, prunes half of each row, and packs it.
   *
   * @param folder where all of it goes
   * @param jar the program
   */
  public static PackedModels prepare(Path folder, Path jar, ModelShape shape) {
    Path source = folder.resolve("source");
    PackedModels models = new PackedModels(folder.resolve("dense"), folder.resolve("packed"));
    new ModelFiles(shape).writeModel(source, SHARD_BYTES);
    Program program = new Program(folder, jar);
    program.run(
        List.of(
            "prune",
            "--model",
            source.toString(),
            "--method",
            "magnitude",
            "--backend",
            "cpu",
            "--no-verify",
            "--output",
            models.dense.toString()));
    Directories.delete(source);
    program.run(
        List.of(
            "pack",
            "--model",
            models.dense.toString(),
            "--output",
            models.packed.toString(),
            "--no-verify"));
    return models;
  }

  /** Returns the packed weights' bytes over the dense ones', in files. */
  public double share() {
    return (double) shardBytes(packed) / shardBytes(dense);
  }

  private static long shardBytes(Path directory) {
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .filter(file -> file.toString().endsWith(".safetensors"))
          .mapToLong(file -> file.toFile().length())
          .sum();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
