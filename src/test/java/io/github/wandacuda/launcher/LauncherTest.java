package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LauncherTest {
  @Test
  void saysInOneLineWhatIsMissing() {
    assertThat(Launcher.missing("17.0.21", "/usr/lib/jvm/java-17", Map.of()))
        .isEqualTo(
            "wanda-cuda needs a JDK 25 or newer with the module jdk.incubator.vector (Eclipse"
                + " Temurin 25, for example), found Java 17.0.21 in /usr/lib/jvm/java-17 and no"
                + " other that will do: install one, or let JAVA_HOME point to one");
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
    assertThat(Launcher.needsVectors(words(line))).isFalse();
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
    assertThat(Launcher.needsVectors(words(line))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "prune --structure experts --sparsity 0.5 --statistics s --model m --output o",
        "prune --statistics=s --structure=experts --model m --output o"
      })
  void copies(String line) {
    assertThat(Launcher.copies(words(line))).isTrue();
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
    assertThat(Launcher.copies(words(line))).isFalse();
  }

  private static String[] words(String line) {
    return line.isEmpty() ? new String[0] : line.split(" ");
  }
}
