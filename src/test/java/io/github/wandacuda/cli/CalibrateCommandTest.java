package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.calibration.GramFile;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.layerwise.Gram;
import io.github.wandacuda.testing.TestData;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CalibrateCommandTest {
  private static final String MODULE = "model.layers.1.mlp.down_proj";

  @TempDir Path directory;

  @Test
  void secondMomentsAreWrittenWhenAskedFor() {
    Path fixture = TestData.fixture("llama-gqa");
    Path file = directory.resolve("statistics");
    Object[] words = {
      "calibrate",
      "--model",
      fixture.resolve("model"),
      "--calibration",
      fixture.resolve("tokens.json"),
      "--output",
      file,
      "--backend",
      "cpu",
      "--json"
    };
    Cli.Result without = InProcess.run(words);
    assertThat(without.exitCode()).as(without.err()).isZero();
    assertThat(without.json().get("second_moments").booleanValue()).isFalse();
    try (GramFile grams = GramFile.open(file)) {
      assertThat(grams.has(MODULE)).isFalse();
    }
    Object[] more = Arrays.copyOf(words, words.length + 2);
    more[words.length] = "--second-moments";
    more[words.length + 1] = "--overwrite";
    Cli.Result with = InProcess.run(more);
    assertThat(with.exitCode()).as(with.err()).isZero();
    assertThat(with.json().get("second_moments").booleanValue()).isTrue();
    Statistics statistics = Statistics.read(file);
    try (GramFile grams = GramFile.open(file);
        Arena memory = Arena.ofConfined()) {
      Gram gram = grams.read(MODULE, statistics.norms().get(MODULE), memory);
      assertThat(gram.get(0, 0)).isPositive();
    }
  }
}
