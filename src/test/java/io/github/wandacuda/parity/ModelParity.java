package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.SparsityParser;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.Gpu;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole runs on a GPU against the golden masks and against the CPU. */
@TestInstance(Lifecycle.PER_CLASS)
abstract class ModelParity {
  private static final ModuleChoice ALL =
      new ModuleChoice(List.of(Pattern.compile(".")), List.of());

  @AutoClose private Backend gpu;

  @TempDir Path directory;

  abstract Gpu device();

  @BeforeAll
  void open() {
    gpu = device().open();
  }

  private RunResult prune(
      Backend backend,
      Path model,
      String output,
      Method method,
      String amount,
      Calibration calibration) {
    Sparsity sparsity =
        amount.contains(":")
            ? SparsityParser.pattern(amount)
            : new Sparsity.Ratio(Double.parseDouble(amount));
    PruneRequest request =
        Pruning.request(
            directory.resolve(output),
            method,
            sparsity,
            ALL,
            calibration,
            true,
            false,
            Unreached.MAGNITUDE);
    return Pruning.prune(model, request, backend);
  }

  @ParameterizedTest
  @CsvSource({
    "wanda-50, 0.5",
    "wanda-60, 0.6",
    "wanda-70, 0.7",
    "wanda-2of4, 2:4",
    "wanda-4of8, 4:8"
  })
  void masksFromStatisticsAreThoseOfTheWandaCode(String run, String amount) {
    Calibration statistics =
        Pruning.statistics(TestData.GOLDEN.resolve(run + ".statistics.safetensors"));
    RunResult result = prune(gpu, TestData.TINY_LLAMA, run, Method.WANDA, amount, statistics);
    assertThat(result.provenance().maskSha256()).isEqualTo(golden(run).get("mask_sha256").asText());
    assertThat(result.sparsity()).isEqualTo(golden(run).get("sparsity").doubleValue());
  }

  private static JsonNode golden(String run) {
    return TestData.json(TestData.GOLDEN.resolve("results.json")).get(run);
  }

  @ParameterizedTest
  @CsvSource({"wanda, 0.5", "wanda, 2:4", "magnitude, 0.5"})
  @FirstCases(1)
  void outputsFromStatisticsAreTheCpusByteForByte(String name, String amount) {
    Method method = Method.of(name);
    Calibration calibration =
        method == Method.MAGNITUDE
            ? new Calibration.None()
            : Pruning.statistics(TestData.GOLDEN.resolve("wanda-50.statistics.safetensors"));
    String output = name + amount.length();
    prune(gpu, TestData.TINY_LLAMA, output + "-on-gpu", method, amount, calibration);
    try (Backend cpu = Pruning.cpu(2)) {
      prune(cpu, TestData.TINY_LLAMA, output + "-on-cpu", method, amount, calibration);
    }
    Directories.assertSame(
        directory.resolve(output + "-on-cpu"), directory.resolve(output + "-on-gpu"));
  }

  /**
   * Where second moments come from a file, all that is left to a GPU has the CPU's bits; what is
   * rounded to a checkpoint's codes goes to the host for that.
   */
  @ParameterizedTest
  @CsvSource({
    "llama-gqa, wanda+swaps+reconstruct, 0.5",
    "llama-gqa, wanda+swaps+alps, 2:4",
    "llama-gqa, sparsegpt+reconstruct, 2:4",
    "fp8-block-bf16-qwen3, wanda+alps, 0.5",
    "fp8-block-bf16-qwen3, sparsegpt, 0.5"
  })
  void whatIsFittedToMomentsFromAFileIsTheCpusByteForByte(
      String name, String method, String amount) {
    Path fixture = TestData.fixture(name);
    Path moments = directory.resolve("moments.safetensors");
    try (CpuDecoder decoder = CpuDecoder.open(fixture.resolve("model"), 2)) {
      List<int[]> tokens = TestData.tokens(fixture.resolve("tokens.json"));
      AtomicWrite.replace(moments, decoder.moments(tokens));
    }
    String output = name + method + amount.length();
    ModuleRules one = Pruning.rules(method, amount);
    PruningRules rules =
        new PruningRules(one, List.of(), Map.of(), Unreached.MAGNITUDE, Set.of(), true);
    fit(gpu, fixture, output + "-on-gpu", rules, moments);
    try (Backend cpu = Pruning.cpu(2)) {
      RunResult result = fit(cpu, fixture, output + "-on-cpu", rules, moments);
      assertThat(result.modules()).allMatch(module -> module.errors() != null);
    }
    Directories.assertSame(
        directory.resolve(output + "-on-cpu"), directory.resolve(output + "-on-gpu"));
  }

  private RunResult fit(
      Backend backend, Path fixture, String output, PruningRules rules, Path moments) {
    PruneRequest request =
        Pruning.request(directory.resolve(output), rules, Pruning.statistics(moments), false);
    return Pruning.prune(fixture.resolve("model"), request, backend);
  }

  @Test
  void magnitudeMasksAreThoseOfTheWandaCode() {
    RunResult result =
        prune(
            gpu, TestData.TINY_LLAMA, "magnitude", Method.MAGNITUDE, "0.5", new Calibration.None());
    assertThat(result.provenance().maskSha256())
        .isEqualTo(golden("magnitude-50").get("mask_sha256").asText());
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-mha", "llama-gqa", "llama3", "llama-linear"})
  void calibratedRunsOfTheFixturesAgreeWithTheCpu(String family) {
    List<int[]> tokens = TestData.tokens(TestData.fixture(family).resolve("tokens.json"));
    assertAgreement(TestData.fixture(family).resolve("model"), family, "0.5", tokens);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.5", "2:4"})
  @Thorough
  void calibratedRunsOfTheTrainedModelAgreeWithTheCpu(String amount) {
    assertAgreement(TestData.TINY_LLAMA, "tiny" + amount.length(), amount, someTokens());
  }

  /**
   * Three samples of 96 tokens: enough to cross the tiles of all kernels, few enough to emulate.
   */
  private static List<int[]> someTokens() {
    return TestData.tokens(TestData.GOLDEN.resolve("calibration.json")).stream()
        .limit(3)
        .map(sample -> Arrays.copyOf(sample, 96))
        .toList();
  }

  private void assertAgreement(Path model, String name, String amount, List<int[]> tokens) {
    Calibration samples = Pruning.samples(tokens);
    RunResult found = prune(gpu, model, name + "-gpu", Method.WANDA, amount, samples);
    RunResult expected;
    try (Backend cpu = Pruning.cpu(2)) {
      expected = prune(cpu, model, name + "-cpu", Method.WANDA, amount, samples);
    }
    assertThat(found.provenance().pruned()).isEqualTo(expected.provenance().pruned());
    long different =
        differences(directory.resolve(name + "-gpu"), directory.resolve(name + "-cpu"));
    // Each weight that one run prunes in the other's stead shows twice.
    assertThat((double) different / found.provenance().elements()).isLessThan(0.001);
  }

  private static long differences(Path one, Path other) {
    long different = 0;
    for (String file : TestData.names(one)) {
      if (file.endsWith(".safetensors")) {
        TreeMap<String, byte[]> found = TestData.bytes(one.resolve(file));
        TreeMap<String, byte[]> expected = TestData.bytes(other.resolve(file));
        for (String tensor : expected.keySet()) {
          different += differentElements(found.get(tensor), expected.get(tensor));
        }
      }
    }
    return different;
  }

  /** All of these models are in 16-bit types, or else a difference counts as two. */
  private static long differentElements(byte[] found, byte[] expected) {
    long different = 0;
    for (int at = 0; at < expected.length; at += 2) {
      different += found[at] == expected[at] && found[at + 1] == expected[at + 1] ? 0 : 1;
    }
    return different;
  }

  @Test
  @Thorough
  void perplexityIsTheCpus() {
    List<int[]> windows = someTokens();
    try (Backend cpu = Pruning.cpu(2)) {
      assertThat(perplexity(gpu, windows)).isCloseTo(perplexity(cpu, windows), within(0.01));
    }
  }

  private static double perplexity(Backend backend, List<int[]> windows) {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Decoder decoder = DecoderFamilies.open(model, backend.operations())) {
      return Perplexity.of(decoder, windows, Progress.NONE);
    }
  }
}
