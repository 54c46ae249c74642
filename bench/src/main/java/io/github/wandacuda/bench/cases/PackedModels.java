package io.github.wandacuda.bench.cases;

import io.github.wandacuda.bench.common.CheckpointShape;
import io.github.wandacuda.bench.common.Directories;
import io.github.wandacuda.bench.common.ModelFiles;
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
 * @param program that runs them
 */
public record PackedModels(Path dense, Path packed, Program program) {
  private static final long SHARD_BYTES = 1L << 30;
  private static final String PROMPT = "prompt.json";
  private static final int PROMPT_TOKENS = 32;

  /**
   * Writes a model, prunes half of each row, and packs it.
   *
   * @param folder where all of it goes
   * @param jar the program
   */
  public static PackedModels prepare(Path folder, Path jar, CheckpointShape shape) {
    Path source = folder.resolve("source");
    Program program = new Program(folder, jar);
    PackedModels models =
        new PackedModels(folder.resolve("dense"), folder.resolve("packed"), program);
    ModelFiles files = new ModelFiles(shape);
    files.writeModel(source, SHARD_BYTES);
    files.writeSamples(folder.resolve(PROMPT), 1, PROMPT_TOKENS);
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

  /** Returns the most anonymous memory of {@code generate} with the packed model, in bytes. */
  public long packedMemory() {
    return memory(packed);
  }

  /** Returns the same with the dense model. */
  public long denseMemory() {
    return memory(dense);
  }

  private long memory(Path model) {
    return program.peakMemory(
        List.of(
            "generate",
            "--model",
            model.toString(),
            "--prompt-tokens",
            model.resolveSibling(PROMPT).toString(),
            "--tokens",
            "4",
            "--backend",
            "cpu",
            "--quiet"));
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
