package io.github.wandacuda.model.family;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.model.ModelConfig;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * A model's windows: their size, and which blocks have one.
 *
 * @param size how many of the last keys a token sees in such blocks; 0 for no window
 * @param windowed the blocks that have the window
 */
record Windows(int size, IntPredicate windowed) {
  /**
   * The window if a config has none, as in first configs of Mistral and in those of Gemma 2, Qwen
   * and others.
   */
  static final int USUAL = 4096;

  static final String PATTERN = "sliding_window_pattern";
  private static final String TYPES = "layer_types";

  private Windows(ModelConfig config, int size, IntPredicate windowed) {
    this(size, typed(config, RotaryFrequencies.SLIDING, RotaryFrequencies.FULL, windowed));
  }

  /**
   * Reads {@code sliding_window}, and which blocks have the window from {@code layer_types}, if the
   * config has it.
   *
   * @param otherwise the window if the key is absent, 0 for none; the value null means none
   * @param windowed the blocks that have the window if the config doesn't say
   * @throws io.github.wandacuda.error.InputException if the size isn't a whole number from 1 on
   */
  static Windows of(ModelConfig config, int otherwise, IntPredicate windowed) {
    int size = config.has("sliding_window") ? config.positive("sliding_window", 0) : otherwise;
    return new Windows(config, size, windowed);
  }

  /**
   * Reads windows as {@link #of} does if {@code use_sliding_window} is true; else there is none.
   */
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

  /**
   * Reads windows as {@link #of} does, where by default all but every n-th block has the window.
   *
   * @param every n if the config doesn't say by {@link #PATTERN}
   */
  static Windows pattern(ModelConfig config, int every) {
    int step = config.positive(PATTERN, every);
    return of(config, USUAL, block -> (block + 1) % step != 0);
  }

  /** Returns how many of the last keys a block's tokens see, or 0 for all. */
  int at(int block) {
    return windowed.test(block) ? size : 0;
  }

  /**
   * Returns which blocks are of a type by {@code layer_types}.
   *
   * @param type the type's word
   * @param other the word for all other blocks
   * @param untyped which blocks are of the type if the config has no such list
   */
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
