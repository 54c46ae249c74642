package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LauncherTest {
  @Test
  void saysInOneLineWhatIsMissing() {
    assertThat(Launcher.needed())
        .isEqualTo(
            "wanda-cuda needs Java 25 or newer with the module jdk.incubator.vector (Eclipse"
                + " Temurin 25, for example), found Java %s in %s: start it by the command java of"
                + " such a JDK",
            System.getProperty("java.version"), System.getProperty("java.home"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--help",
        "--version",
        "--model inspect",
        "inspect",
        "inspect --model m --json",
        "verify --dense a --pruned b",
        "prune --help",
        "calibrate -h"
      })
  void needsNoVectors(String line) {
    assertThat(VectorStart.needsVectors(words(line))).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "prune", "prune --model m --exclude --help", "prune --model inspect",
        "calibrate --model m", "perplexity --model m", "evaluate --model m",
        "pack --model m --output o", "unpack --model m --output o", "devices",
        "Inspect", "sparsify"
      })
  void needsVectors(String line) {
    assertThat(VectorStart.needsVectors(words(line))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "prune --structure experts --sparsity 0.5 --statistics s --model m --output o",
        "prune --statistics=s --structure=experts --model m --output o"
      })
  void copies(String line) {
    assertThat(VectorStart.copies(words(line))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "inspect --structure experts --statistics s",
        "prune --statistics s --sparsity 0.5",
        "prune --structure experts --calibration c",
        "prune --structure channels --statistics s",
        "prune --structure experts --statistics s --evaluate t",
        "prune --structure experts --statistics s --evaluate=t",
        "prune --structure experts --statistics s @more"
      })
  void doesMoreThanCopy(String line) {
    assertThat(VectorStart.copies(words(line))).isFalse();
  }

  private static String[] words(String line) {
    return line.isEmpty() ? new String[0] : line.split(" ");
  }
}
