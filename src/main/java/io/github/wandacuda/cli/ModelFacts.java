package io.github.wandacuda.cli;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.checkpoint.Checkpoint;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
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
 * @param obstacle why the program can't run it, as its config says, or empty if it can
 */
record ModelFacts(
    String modelType, String architecture, long parameters, long bytes, Optional<String> obstacle) {

  static ModelFacts of(ModelDirectory model) {
    Checkpoint checkpoint = model.checkpoint();
    return new ModelFacts(
        model.config().modelType(),
        model.config().architecture(),
        checkpoint.tensors().stream().mapToLong(entry -> entry.info().elements()).sum(),
        checkpoint.totalBytes(),
        obstacle(model));
  }

  private static Optional<String> obstacle(ModelDirectory model) {
    try {
      model.config().requireUnquantized();
      DecoderFamilies.of(model.config()).describe(model.config());
      return Optional.empty();
    } catch (InputException e) {
      return Optional.of(e.getMessage());
    }
  }

  Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("model_type", modelType);
    object.put("architecture", architecture);
    object.put("parameters", parameters);
    object.put("bytes", bytes);
    object.put("calibrated_run", obstacle.isEmpty());
    object.put("obstacle", obstacle.orElse(null));
    return object;
  }
}
