package io.github.wandacuda.model.family;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.model.ModelConfig;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * Which of a model's blocks have a window, and its size.
 *
 * @param windowed the blocks of the kind with a window, if there is one
 */
record Windows(int size, IntPredicate windowed) {
  /**
   * The window of configs without one, as Mistral's first ones are, Gemma 2's, Qwen's and others.
   */
  static final int USUAL = 4096;

  static final String PATTERN = "sliding_window_pattern";
  private static final String TYPES = "layer_types";

  private Windows(ModelConfig config, int size, IntPredicate windowed) {
    this(size, typed(config, RotaryFrequencies.SLIDING, RotaryFrequencies.FULL, windowed));
  }

  /**
   * Reads {@code sliding_window}, and {@code layer_types}, if there are any, which say which blocks
   * have the window.
   *
   * @param otherwise the window if the key is absent, 0 for none; the value null means none
   * @param windowed the blocks that have the window if the config doesn't say
   */
  static Windows of(ModelConfig config, int otherwise, IntPredicate windowed) {
    int size = config.has("sliding_window") ? config.positive("sliding_window", 0) : otherwise;
    return new Windows(config, size, windowed);
  }

  /** Does what {@link #of} does for a window that counts only with {@code use_sliding_window}. */
  static Windows ifUsed(ModelConfig config, int otherwise, IntPredicate windowed) {
    return config.flag("use_sliding_window", false)
        ? of(config, otherwise, windowed)
        : new Windows(config, 0, windowed);
  }

  /** Reads the windows of Qwen 2 and 3: in the blocks from {@code max_window_layers} on. */
  static Windows ofQwen(ModelConfig config) {
    // 0 is legal here: every block has the window then.
    int full = config.whole("max_window_layers", 28);
    return ifUsed(config, USUAL, block -> block >= full);
  }

  /** Does what {@link #of} does where all but every n-th block has the window, by its pattern. */
  static Windows pattern(ModelConfig config, int every) {
    int step = config.positive(PATTERN, every);
    return of(config, USUAL, block -> (block + 1) % step != 0);
  }

  /** Returns how many of the last keys a block's tokens see, or 0 for all. */
  int at(int block) {
    return windowed.test(block) ? size : 0;
  }

  /** Returns which blocks are of one of two types by {@code layer_types}, or else without it. */
  static IntPredicate typed(ModelConfig config, String type, String other, IntPredicate untyped) {
    List<JsonNode> types = config.list(TYPES);
    return block -> {
      if (types.isEmpty()) {
        return untyped.test(block);
      }
      if (block >= types.size()) {
        throw config.wrong(TYPES, "a type for block " + block);
      }
      String found = types.get(block).asText();
      if (!found.equals(type) && !found.equals(other)) {
        throw config.notComputed(TYPES, type + " or " + other, types.get(block));
      }
      return found.equals(type);
    };
  }
}
