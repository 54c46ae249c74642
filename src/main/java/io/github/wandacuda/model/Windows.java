package io.github.wandacuda.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.function.IntPredicate;

/** Which of a model's blocks have a window, and its size. */
final class Windows {
  private static final String SIZE = "sliding_window";
  private static final String TYPES = "layer_types";
  private static final int QWEN_WINDOW = 4096;
  private static final int QWEN_FULL_BLOCKS = 28;

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
   * Reads {@code sliding_window}, and {@code layer_types}, if there are any, which say which blocks
   * have the window.
   *
   * @param otherwise the window if the key is absent, 0 for none; the value null means none
   * @param windowed the blocks that have the window if the config doesn't say
   */
  static Windows of(ModelConfig config, int otherwise, IntPredicate windowed) {
    int size = config.has(SIZE) ? config.positive(SIZE, 0) : otherwise;
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
    int full = config.whole("max_window_layers", QWEN_FULL_BLOCKS);
    return ifUsed(config, QWEN_WINDOW, block -> block >= full);
  }

  /**
   * Does what {@link #of} does where all but every n-th block has the window.
   *
   * @param key of n
   * @param every n if the config has none
   */
  static Windows pattern(ModelConfig config, int otherwise, String key, int every) {
    int step = config.positive(key, every);
    return of(config, otherwise, block -> (block + 1) % step != 0);
  }

  /** Returns whether blocks of the window's kind have one. */
  boolean isThere() {
    return size > 0;
  }

  /** Returns how many of the last keys a block's tokens see, or 0 for all. */
  int at(int block) {
    return isWindowed(block) ? size : 0;
  }

  /** Returns whether a block is of the kind with a window, if there is one. */
  boolean isWindowed(int block) {
    if (types.isEmpty()) {
      return windowed.test(block);
    }
    if (block >= types.size()) {
      throw config.wrong(TYPES, "a type for block " + block, config.root().get(TYPES));
    }
    return switch (types.get(block).asText()) {
      case RotaryFrequencies.SLIDING -> true;
      case RotaryFrequencies.FULL -> false;
      default ->
          throw config.notComputed(TYPES, "sliding_attention or full_attention", types.get(block));
    };
  }
}
