package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** An option that changes nothing is said to, one line each, and what a run took. */
class IdleOptionsTest {
  private static final String MAGNITUDE = "--method magnitude";
  private static final String STATISTICS =
      "--statistics " + TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");
  private static final String LISTS =
      "--calibration " + TestData.GOLDEN.resolve("calibration.json") + " --samples 1";

  @TempDir Path directory;

  private Ended plan(String source, String... more) {
    List<Object> words =
        Words.of(
            "prune --model %s --output %s --dry-run --backend cpu",
            TestData.TINY_LLAMA, directory.resolve("out"), source.split(" "));
    words.addAll(Arrays.asList((Object[]) more));
    return InProcess.run(words).succeeds();
  }

  private static List<String> warnings(Ended result) {
    return result.err().lines().filter(line -> line.contains("has no effect")).toList();
  }

  @ParameterizedTest
  @CsvSource({
    "--samples, 4", "--sequence-length, 64", "--seed, 0",
    "--unreached, keep", "--statistics, nowhere.safetensors", "--calibration, nowhere.txt",
    "--overwrite, ''", "--windows, 1"
  })
  void magnitudeNeedsNoNorms(String option, String value) {
    Ended result = plan(MAGNITUDE, words(option, value));
    assertThat(warnings(result)).singleElement().asString().contains(option + " has no effect: ");
  }

  @ParameterizedTest
  @CsvSource({"--samples, 4", "--sequence-length, 64", "--seed, 5", "--overwrite, ''"})
  void statisticsAreReadAsTheyAre(String option, String value) {
    Ended result = plan(STATISTICS, words(option, value));
    assertThat(warnings(result)).singleElement().asString().contains(option + " has no effect: ");
  }

  @Test
  void whatHasAnEffectIsNotWarnedOf() {
    assertThat(warnings(plan(MAGNITUDE))).isEmpty();
    assertThat(warnings(plan(STATISTICS, "--unreached", "keep"))).isEmpty();
  }

  @Test
  void nothingIsDrawnFromTokenLists() {
    assertThat(warnings(plan(LISTS, "--seed", "3", "--sequence-length", "16")))
        .singleElement()
        .asString()
        .contains("--seed has no effect: ");
  }

  @Test
  void whatRemovesPartsWritesNothingElse() {
    String[] more = {"--structure", "channels", "--remove", "1", "--overwrite"};
    assertThat(warnings(plan(LISTS, more))).singleElement().asString().contains("--overwrite has");
  }

  @Test
  void aClusterWritesThroughThePageCache() {
    for (String source : List.of(STATISTICS, LISTS)) {
      assertThat(warnings(plan(source, "--cluster", "local", "--io", "direct")))
          .singleElement()
          .asString()
          .contains("--io has no effect: a cluster");
    }
  }

  @Test
  void theCpuHasNoHighPrecision() {
    for (String source : List.of(MAGNITUDE, STATISTICS, LISTS)) {
      assertThat(warnings(plan(source, "--precision", "high")))
          .containsExactly("WARN --precision has no effect: cpu multiplies in float32");
    }
    assertThat(warnings(plan(LISTS, "--cluster", "local", "--precision", "high"))).isEmpty();
  }

  @Test
  void severalAreAWarningEach() {
    Ended result =
        plan(
            MAGNITUDE,
            "--samples",
            "4",
            "--seed",
            "1",
            "--unreached",
            "fail",
            "--resume",
            "--no-verify");
    assertThat(warnings(result)).hasSize(4);
    assertThat(plan(MAGNITUDE, "--samples", "4", "--quiet").err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "0.001"})
  void amountsThatAreNothing(String sparsity) {
    Ended result = plan(STATISTICS, "--sparsity", sparsity);
    assertThat(result.err()).contains("WARN").contains("is nothing");
    assertThat(plan(STATISTICS, "--sparsity", "0.1").err()).doesNotContain("is nothing");
  }

  private static String[] words(String option, String value) {
    return value.isEmpty() ? new String[] {option} : new String[] {option, value};
  }

  private static String said(String... more) {
    return InProcess.line(
            "perplexity --tokens %s --model %s",
            TestData.fixture("llama-gqa").resolve("tokens.json"),
            TestData.fixture("llama-gqa").resolve("model"),
            more)
        .err();
  }

  @Test
  void whatWasPassedOverIsToldOnDemand() {
    assertThat(said()).contains("the first that is usable").doesNotContain("passed over");
    assertThat(said("--verbose")).containsAnyOf("passed over", "the first usable backend");
  }
}
