package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Tier;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a dry run says of the time is what the run takes. */
@Thorough
@Isolated
class EstimateIT {
  /** Twice is what is meant; other programs may take a processor meanwhile. */
  private static final double MOST_OFF = 3;

  @TempDir static Path directory;

  private static Path model;
  private static Path statistics;
  private static Path samples;
  private static Path deep;
  private static Path eight;

  @BeforeAll
  static void write() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(2, 512, 1408, 1000);
    model = llama.write(directory.resolve("model"));
    statistics = llama.writeStatistics(directory.resolve("statistics.safetensors"));
    samples = llama.writeSamples(directory.resolve("samples.json"), 2, 128);
    GeneratedLlama deeper = new GeneratedLlama(4, 384, 1056, 1000);
    deep = deeper.write(directory.resolve("deep"));
    eight = deeper.writeSamples(directory.resolve("eight.json"), 8, 128);
  }

  static List<String> kinds() {
    return Tier.picked(
        5,
        List.of(
            "magnitude",
            "statistics",
            "samples",
            "sparsegpt",
            "ria",
            "swaps",
            "reconstruct",
            "alps",
            "realign"));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void theTimeIsNotFarOff(String kind) {
    Path output = directory.resolve(kind);
    List<Object> words = Words.of("prune --model %s --output %s", model, output);
    words.addAll(
        switch (kind) {
          case "magnitude" -> List.of("--method", "magnitude");
          case "statistics" -> List.of("--statistics", statistics);
          case "sparsegpt", "ria" -> List.of("--calibration", samples, "--method", kind);
          case "swaps" -> List.of("--calibration", samples, "--refine", kind);
          case "reconstruct", "alps", "realign" ->
              List.of("--calibration", samples, "--update", kind);
          default -> List.of("--calibration", samples);
        });
    assertNotFarOff(words);
  }

  static List<String> structures() {
    return Tier.picked(
        4,
        List.of(
            "experts --structure experts --sparsity 0.5",
            "experts --structure experts --sparsity 0.5 --score drop",
            "deep --structure blocks --sparsity 0.25",
            "deep --structure blocks --sparsity 0.25 --score influence",
            "deep --structure channels --sparsity 0.25",
            "deep --structure channels --sparsity 0.25 --update realign",
            "deep --structure heads --sparsity 0.5 --update reconstruct",
            "deep --structure auto --sparsity 0.25"));
  }

  @ParameterizedTest
  @MethodSource("structures")
  void theTimeOfRemovedPartsIsNotFarOff(String kind) {
    boolean mixture = kind.startsWith("experts ");
    List<Object> words =
        Words.of(
            "prune --model %s --output %s --calibration %s" + kind.substring(kind.indexOf(' ')),
            mixture ? TestData.STRUCTURED.resolve("tiny-moe/model") : deep,
            directory.resolve(kind.replaceAll("\\W", "")),
            mixture ? TestData.STRUCTURED.resolve("tiny-moe/calibration.json") : eight);
    assertNotFarOff(words);
  }

  private static void assertNotFarOff(List<Object> words) {
    words.addAll(List.of("--backend", "cpu", "--json"));
    List<Object> dry = new ArrayList<>(words);
    dry.add("--dry-run");
    JsonNode plan = Cli.run(dry).json();
    long start = System.nanoTime();
    JsonNode result = Cli.run(words).json();
    double seconds = (System.nanoTime() - start) / 1e9;
    // All of the process but its end, the launcher's Java included.
    assertThat(result.at("/seconds/total").doubleValue())
        .isBetween(0.7 * seconds - 0.5, seconds + 0.1);
    // Every phase has a name: of runs of one to nine seconds 1 to 15 % were none of them.
    assertThat(result.at("/seconds/other").doubleValue())
        .as("%s", result.path("seconds"))
        .isLessThan(0.3 * seconds);
    assertThat(plan.path("estimated_seconds_least").doubleValue())
        .as("%s", plan)
        .isBetween(0.01, MOST_OFF * seconds);
    assertThat(plan.path("estimated_seconds_most").doubleValue())
        .as("%s", plan)
        .isGreaterThan(seconds / MOST_OFF);
    assertThat(plan.path("estimated_seconds").doubleValue())
        .as("%s", plan)
        .isBetween(seconds / MOST_OFF, seconds * MOST_OFF);
  }
}
