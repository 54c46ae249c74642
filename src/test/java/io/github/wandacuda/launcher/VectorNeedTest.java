package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VectorNeedTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "", "--help",
        "--version", "--model inspect",
        "inspect", "inspect --model m --json",
        "verify --dense a --pruned b", "merge-lora --model m --adapter a --output o",
        "prune --help", "calibrate -h"
      })
  void notNeeded(String line) {
    assertThat(VectorNeed.of(words(line))).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "prune", "prune --model m --exclude --help", "prune --model inspect",
        "calibrate --model m", "perplexity --model m", "evaluate --model m",
        "pack --model m --output o", "unpack --model m --output o", "devices",
        "Inspect", "sparsify"
      })
  void needed(String line) {
    assertThat(VectorNeed.of(words(line))).isTrue();
  }

  private static String[] words(String line) {
    return line.isEmpty() ? new String[0] : line.split(" ");
  }
}
