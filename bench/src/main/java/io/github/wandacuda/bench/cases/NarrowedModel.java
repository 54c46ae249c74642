package io.github.wandacuda.bench.cases;

import io.github.wandacuda.bench.common.CheckpointShape;
import io.github.wandacuda.bench.common.ModelFiles;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;

/**
 * A generated model in two directories: whole, and without a quarter of its MLPs' channels.
 *
 * @param share of all parameters that is gone
 */
public record NarrowedModel(Path dense, Path smaller, double share) {
  private static final long SHARD_BYTES = 1L << 30;
  private static final int TOKENS = 8;

  /**
   * Writes a model and has the program remove channels, by their weights.
   *
   * @param folder where all of it goes
   * @param jar the program
   */
  public static NarrowedModel prepare(Path folder, Path jar, CheckpointShape shape) {
    Path dense = folder.resolve("dense");
    Path smaller = folder.resolve("smaller");
    Path samples = folder.resolve("samples.json");
    ModelFiles files = new ModelFiles(shape);
    files.writeModel(dense, SHARD_BYTES);
    files.writeSamples(samples, 1, TOKENS);
    String command =
        "prune --structure channels --sparsity 0.25 --score magnitude --update none --backend cpu"
            + " --no-verify --json --quiet --samples 1 --model %s --calibration %s --output %s"
                .formatted(dense, samples, smaller);
    JsonNode result = new Program(folder, jar).run(List.of(command.split(" "))).json();
    double before = result.required("parameters_before").doubleValue();
    return new NarrowedModel(
        dense, smaller, 1 - result.required("parameters_after").doubleValue() / before);
  }
}
