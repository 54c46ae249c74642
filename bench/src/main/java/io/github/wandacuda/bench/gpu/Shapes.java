package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.bench.common.ModelShape;
import io.github.wandacuda.jackson.databind.JsonNode;
import io.github.wandacuda.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The sizes that are measured, from the file that the Python side reads too.
 *
 * @param root the part of it for full or for small runs
 */
record Shapes(JsonNode root) {
  static Shapes read(Path file, boolean small) {
    try {
      JsonNode all = JsonMapper.builder().build().readTree(Files.readAllBytes(file));
      return new Shapes(all.required(small ? "small" : "full"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns a kernel's shapes. */
  List<int[]> of(String kernel) {
    List<int[]> shapes = new ArrayList<>();
    for (JsonNode shape : root.required(kernel)) {
      int[] sizes = new int[shape.size()];
      for (int i = 0; i < sizes.length; i++) {
        sizes[i] = shape.get(i).intValue();
      }
      shapes.add(sizes);
    }
    return shapes;
  }

  int repetitions() {
    return root.required("repetitions").intValue();
  }

  /** Returns how long the launches between two waits should take together. */
  double batchSeconds() {
    return root.required("batch_seconds").doubleValue();
  }

  /** Returns how many bytes launches have to go through before they come to the same again. */
  long rotatedBytes() {
    return root.required("rotated_bytes").longValue();
  }

  long copyBytes() {
    return root.required("copy_bytes").longValue();
  }

  long shardBytes() {
    return root.required("shard_bytes").longValue();
  }

  int rounds() {
    return root.required("rounds").intValue();
  }

  /** Returns the model of an end-to-end phase. */
  ModelShape model(String phase) {
    return ModelShape.of(root.required("prune_models").required(phase));
  }

  /** Returns the tokens of each sample that an end-to-end phase calibrates with. */
  int sequenceLength(String phase) {
    return root.required("prune_models").required(phase).required("sequence_length").intValue();
  }

  /** Returns the number of these samples. */
  int samples(String phase) {
    return root.required("prune_models").required(phase).required("samples").intValue();
  }
}
