package io.github.wandacuda.cli;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.PackedShard;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A model in a few words.
 *
 * @param modelType what its config calls itself, or empty
 * @param architecture likewise
 * @param parameters elements of all tensors
 * @param bytes of all tensors
 * @param packing how many weights are packed and the bytes of the packed files, or empty if the
 *     model isn't packed
 * @param obstacle why the program can't run it, as its config says, or empty if it can
 */
record ModelFacts(
    String modelType,
    String architecture,
    long parameters,
    long bytes,
    Optional<Packing> packing,
    Optional<String> obstacle) {

  /**
   * What a packed model's files hold.
   *
   * @param modules how many weights are packed
   * @param bytes of the files as they are stored
   */
  record Packing(int modules, long bytes) {
    static Optional<Packing> of(Checkpoint checkpoint) {
      int modules = 0;
      long bytes = 0;
      for (SafetensorsFile shard : checkpoint.shards()) {
        if (!(shard.bytes() instanceof PackedShard packed)) {
          return Optional.empty();
        }
        modules += packed.modules();
        bytes += packed.stored().byteSize();
      }
      return Optional.of(new Packing(modules, bytes));
    }
  }

  static ModelFacts of(ModelDirectory model) {
    Checkpoint checkpoint = model.checkpoint();
    return new ModelFacts(
        model.config().modelType(),
        model.config().architecture(),
        parameters(checkpoint),
        checkpoint.totalBytes(),
        Packing.of(checkpoint),
        obstacle(model));
  }

  private static long parameters(Checkpoint checkpoint) {
    long parameters = 0;
    for (Checkpoint.Entry entry : checkpoint.tensors()) {
      parameters += entry.info().elements();
    }
    return parameters;
  }

  private static Optional<String> obstacle(ModelDirectory model) {
    try {
      model.config().requireUnquantized();
      DecoderFamilies.of(model.config()).describe(model.config());
      return Optional.empty();
    } catch (InputException e) {
      return Optional.of(OptionNames.in(e.details()).line());
    }
  }

  /** Returns what the config says, in a line. */
  String head() {
    return "%s, %s: %s"
        .formatted(
            modelType.isEmpty() ? "no model type" : modelType,
            architecture.isEmpty() ? "no architecture" : architecture,
            obstacle
                .map(why -> "no calibrated run, since " + why)
                .orElse("a calibrated run is possible"));
  }

  Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("model_type", modelType);
    object.put("architecture", architecture);
    object.put("parameters", parameters);
    object.put("bytes", bytes);
    packing.ifPresent(
        packed -> {
          object.put("packed_modules", packed.modules());
          object.put("packed_bytes", packed.bytes());
        });
    object.put("calibrated_run", obstacle.isEmpty());
    object.put("obstacle", obstacle.orElse(null));
    return object;
  }
}
