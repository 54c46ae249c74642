package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What took time is told, all of it. */
class SecondsTest {
  private static final Path LLAMA = TestData.fixture("llama-gqa").resolve("model");
  private static final Path TOKENS = TestData.fixture("llama-gqa").resolve("tokens.json");

  @TempDir Path directory;

  private static JsonNode run(Object... words) {
    return InProcess.run(words).succeeds().json();
  }

  private static void assertAddUp(JsonNode seconds) {
    double sum = 0;
    for (JsonNode phase : seconds) {
      assertThat(phase.doubleValue()).as("%s", seconds).isGreaterThan(-1e-6);
      sum += phase.doubleValue();
    }
    assertThat(sum).isCloseTo(2 * seconds.get("total").doubleValue(), within(1e-6));
  }

  @Test
  void thePhasesOfARunAddUpToItsTime() throws IOException {
    Path report = directory.resolve("report.json");
    JsonNode seconds =
        run(
                "prune",
                "--model",
                LLAMA,
                "--calibration",
                TOKENS,
                "--output",
                directory.resolve("pruned"),
                "--allocation",
                "atp",
                "--evaluate",
                TOKENS,
                "--report",
                report,
                "--backend",
                "cpu",
                "--json")
            .get("seconds");
    for (String phase : new String[] {"start", "allocate", "calibrate", "verify", "evaluate"}) {
      assertThat(seconds.get(phase).doubleValue()).as(phase).isPositive();
    }
    assertAddUp(seconds);
    assertAddUp(TestData.json(report).get("seconds_by_phase"));
  }

  @Test
  void thePhasesOfAGenerationAddUpToItsTime() throws IOException {
    Path prompt = Files.writeString(directory.resolve("prompt.json"), "[1, 2, 3]");
    assertAddUp(
        run("generate", "--model", LLAMA, "--prompt-tokens", prompt, "--tokens", 2, "--json")
            .get("seconds"));
  }
}
