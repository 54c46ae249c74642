package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.Statistics.GramFile;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CalibrateCommandTest {
  private static final String MODULE = "model.layers.1.mlp.down_proj";

  @TempDir Path directory;

  @Test
  void secondMomentsAreWrittenWhenAskedFor() {
    Path fixture = TestData.fixture("llama-gqa");
    Path file = directory.resolve("statistics");
    List<Object> words =
        Words.of(
            "calibrate --model %s --calibration %s --output %s --backend cpu --json",
            fixture.resolve("model"), fixture.resolve("tokens.json"), file);
    Ended without = InProcess.run(words).succeeds();
    assertThat(without.json().get("second_moments").booleanValue()).isFalse();
    try (GramFile grams = GramFile.open(file)) {
      assertThat(grams.has(MODULE)).isFalse();
    }
    Ended with = InProcess.run(words, "--second-moments", "--overwrite").succeeds();
    assertThat(with.json().get("second_moments").booleanValue()).isTrue();
    Statistics statistics = Statistics.read(file);
    try (GramFile grams = GramFile.open(file);
        Arena memory = Arena.ofConfined()) {
      Gram gram = grams.read(MODULE, statistics.norms().get(MODULE), memory);
      assertThat(gram.get(0, 0)).isPositive();
    }
  }
}
