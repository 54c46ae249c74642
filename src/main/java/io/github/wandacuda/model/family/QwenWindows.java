package io.github.wandacuda.model.family;

import io.github.wandacuda.model.ModelConfig;

/** The windows of Qwen 2 and 3: in the blocks from {@code max_window_layers} on. */
final class QwenWindows {
  private static final int DEFAULT_WINDOW = 4096;
  private static final int DEFAULT_FULL_BLOCKS = 28;

  private QwenWindows() {}

  static Windows of(ModelConfig config) {
    // 0 is legal here: every block has the window then.
    int full =
        config
            .find("max_window_layers")
            .filter(value -> value.isInt() && value.intValue() == 0)
            .map(value -> 0)
            .orElseGet(() -> config.positive("max_window_layers", DEFAULT_FULL_BLOCKS));
    return Windows.ifUsed(config, DEFAULT_WINDOW, block -> block >= full);
  }
}
