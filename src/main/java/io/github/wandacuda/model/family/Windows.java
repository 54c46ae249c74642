package io.github.wandacuda.model.family;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.model.ModelConfig;
import java.util.List;
import java.util.function.IntPredicate;

/** Which of a model's blocks see only the last keys, and how many. */
final class Windows {
  private static final String SIZE = "sliding_window";
  private static final String TYPES = "layer_types";

  private final ModelConfig config;
  private final int size;
  private final List<JsonNode> types;
  private final IntPredicate windowed;

  private Windows(ModelConfig config, int size, IntPredicate windowed) {
    this.config = config;
    this.size = size;
    this.types = config.list(TYPES);
    this.windowed = windowed;
  }

  /**
   * Reads {@code sliding_window}; {@code layer_types}, where a config has them, says which blocks
   * it holds for.
   *
   * @param otherwise the window where the key is absent, 0 for none; null always means none
   * @param windowed the blocks that it holds for where the config doesn't say
   */
  static Windows of(ModelConfig config, int otherwise, IntPredicate windowed) {
    int size = config.has(SIZE) ? config.positive(SIZE, 0) : otherwise;
    return new Windows(config, size, windowed);
  }

  /** As {@link #of}, for a window that counts only with {@code use_sliding_window}. */
  static Windows ifUsed(ModelConfig config, int otherwise, IntPredicate windowed) {
    return config.flag("use_sliding_window", false)
        ? of(config, otherwise, windowed)
        : new Windows(config, 0, windowed);
  }

  /** Returns the last keys that a block's tokens see, or 0 for all. */
  int at(int block) {
    if (types.isEmpty()) {
      return windowed.test(block) ? size : 0;
    }
    if (block >= types.size()) {
      throw config.wrong(TYPES, "a type for block " + block, config.root().get(TYPES));
    }
    return switch (types.get(block).asText()) {
      case "sliding_attention" -> size;
      case "full_attention" -> 0;
      default ->
          throw config.notComputed(TYPES, "sliding_attention or full_attention", types.get(block));
    };
  }
}
