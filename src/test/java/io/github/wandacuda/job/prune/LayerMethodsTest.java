package io.github.wandacuda.job.prune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.verify.Verifier;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.ModuleResult.OutputErrors;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whole runs of the methods that prune a module at a time, on the bundled model with the golden
 * calibration: perplexities, masks and errors against those of the original code and of an
 * implementation in float64 that shares nothing with this one.
 */
class LayerMethodsTest {
  private static final List<int[]> SAMPLES =
      TestData.tokens(TestData.GOLDEN.resolve("calibration.json"));
  private static final List<int[]> EVALUATION =
      TestData.tokens(TestData.GOLDEN.resolve("evaluation.json"));

  @TempDir Path directory;

  private Path out(String name) {
    return directory.resolve(name);
  }

  private RunResult prune(String name, ModuleRules rules, List<int[]> samples, int threads) {
    return prune(name, rules, samples, threads, MaskSink.NONE);
  }

  private RunResult prune(
      String name, ModuleRules rules, List<int[]> samples, int threads, MaskSink masks) {
    PruneRequest request = Pruning.request(out(name), rules, Pruning.samples(samples), false);
    return Pruning.prune(TestData.TINY_LLAMA, request, threads, Progress.NONE, masks);
  }

  private double perplexity(String name) {
    try (CpuDecoder cpu = CpuDecoder.open(out(name), 2)) {
      return cpu.perplexity(EVALUATION);
    }
  }

  private static List<String> verify(Path dense, Path pruned) {
    try (ModelDirectory model = ModelDirectory.open(dense)) {
      return Verifier.verify(model, pruned, Verifier.Claim.NONE, 2, Progress.NONE).failures();
    }
  }

  /** Masks may differ from those of the original code in a share of their bits. */
  @ParameterizedTest
  @CsvSource({
    "sparsegpt, 0.5, 0, 46.37, sparsegpt-50, 0.001",
    "wanda-variant, 0.5, 50.47, 50.97, wanda-variant-50, 0.0001",
    "wanda+swaps, 0.5, 0, 46.2,,",
    "sparsegpt, 2:4, 0, 75.71,,",
    "wanda+swaps, 2:4, 0, 83.1,,",
    "wanda+reconstruct, 2:4, 0, 71.7,,",
    "wanda+swaps+reconstruct, 0.7, 0, 133,,",
    "ria, 0.5, 0, 49.2,,",
    "wanda+alps, 0.5, 0, 40.1,,",
    "wanda+swaps+alps, 2:4, 0, 63.9,,",
    "wanda+alps, 0.7, 0, 125.8,,",
    "wanda+realign, 0.5, 0, 38.4,,",
    "wanda+realign, 2:4, 0, 58.5,,",
    "wanda+realign, 0.7, 0, 102,,",
    "wanda+tune, 0.5, 0, 34,,",
    "wanda+tune, 2:4, 0, 44.5,,",
    "wanda+tune, 0.6, 0, 44.6,,",
    "wanda+tune, 0.7, 0, 68.5,,"
  })
  @FirstCases(1)
  void perplexitiesAndMasksAreThoseOfTheReference(
      String what, String amount, double least, double most, String golden, Double differing) {
    Map<Integer, byte[]> masks = new ConcurrentHashMap<>();
    RunResult result =
        prune(
            "out",
            Pruning.rules(what, amount),
            SAMPLES,
            2,
            (index, mask) -> masks.put(index, mask.toArray(ValueLayout.JAVA_BYTE)));
    assertThat(perplexity("out")).isBetween(least, most);
    assertThat(verify(TestData.TINY_LLAMA, out("out"))).isEmpty();
    if (what.equals("wanda+swaps") && amount.equals("0.5")) {
      assertThat(result.provenance().pruned())
          .as("each row keeps its count")
          .isEqualTo(result.provenance().elements() / 2);
    }
    if (golden != null) {
      List<byte[]> expected =
          new ArrayList<>(
              TestData.bytes(TestData.GOLDEN.resolve(golden + ".masks.safetensors")).values());
      long different = 0;
      for (int index = 0; index < expected.size(); index++) {
        different += differentBits(expected.get(index), masks.get(index));
      }
      assertThat((double) different / result.provenance().elements()).isLessThan(differing);
      assertThat(result.sparsity()).isCloseTo(0.5, within(0.001));
    }
  }

  private static long differentBits(byte[] one, byte[] other) {
    assertThat(other).hasSameSizeAs(one);
    long bits = 0;
    for (int at = 0; at < one.length; at++) {
      bits += Integer.bitCount((one[at] ^ other[at]) & 0xff);
    }
    return bits;
  }

  /** The limits are a hundredth above what float64 gives for the sum over modules. */
  @Test
  @Thorough
  void errorsBesideWandasAreThoseOfTheReference() {
    ModuleRules wanda = Pruning.rules("wanda+swaps", "0.5");
    ModuleRules unswapped = wanda.with(MethodKey.REFINE_SWAPS, 0);
    double alone = relative(prune("alone", unswapped, SAMPLES, 2));
    assertThat(relative(prune("swaps", wanda, SAMPLES, 2)) / alone).isLessThan(0.82);
    ModuleRules fitted = Pruning.rules("wanda+reconstruct", "0.5");
    assertThat(relative(prune("fitted", fitted, SAMPLES, 2)) / alone).isLessThan(0.76);
    RunResult both = prune("both", Pruning.rules("wanda+swaps+reconstruct", "0.5"), SAMPLES, 2);
    assertThat(relative(both) / alone).isLessThan(0.68);
    for (ModuleResult module : both.modules()) {
      OutputErrors errors = module.errors();
      assertThat(errors.refined()).isLessThanOrEqualTo(errors.chosen());
      assertThat(errors.result()).isLessThanOrEqualTo(errors.refined());
    }
  }

  private static double relative(RunResult result) {
    return result.modules().stream()
        .map(ModuleResult::errors)
        .mapToDouble(errors -> errors.relative(errors.result()))
        .sum();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"sparsegpt", "ria+swaps", "wanda+reconstruct", "ria+alps", "wanda+realign"})
  @Thorough
  void threadsChangeNoByte(String what) {
    List<int[]> some = SAMPLES.subList(0, 4);
    prune("one", Pruning.rules(what, "0.4"), some, 1);
    prune("three", Pruning.rules(what, "0.4"), some, 3);
    Directories.assertSame(out("one"), out("three"));
  }

  /** Steps of a fit, which are drawn and computed by several threads, and their zeros. */
  @Test
  void tunedRunsAreRepeatedToTheByte() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(2, 64, 96, 200);
    Path dense = llama.write(out("dense"));
    List<int[]> samples = TestData.tokens(llama.writeSamples(out("samples"), 16, 256));
    ModuleRules tune = Pruning.rules("wanda+tune", "0.5");
    for (int threads = 1; threads <= 3; threads += 2) {
      PruneRequest request =
          Pruning.request(out("by" + threads), tune, Pruning.samples(samples), false);
      RunResult result = Pruning.prune(dense, request, threads);
      assertThat(result.sparsity()).isCloseTo(0.5, within(0.001));
      assertThat(result.modules()).allMatch(module -> module.errors() == null);
    }
    Directories.assertSame(out("by1"), out("by3"));
    assertThat(verify(dense, out("by1"))).isEmpty();
    ModuleRules realign = Pruning.rules("wanda+realign", "0.5");
    PruneRequest other =
        Pruning.request(out("realigned"), realign, Pruning.samples(samples), false);
    Pruning.prune(dense, other, 2);
    assertThat(TestData.names(out("realigned")))
        .filteredOn(name -> name.endsWith(".safetensors"))
        .allSatisfy(
            name ->
                assertThat(Files.mismatch(out("realigned").resolve(name), out("by1").resolve(name)))
                    .as(name)
                    .isNotEqualTo(-1));
  }

  @Test
  void fewSamplesArentEnoughToTune() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(1, 64, 96, 200);
    Path dense = llama.write(out("dense"));
    List<int[]> samples = TestData.tokens(llama.writeSamples(out("samples"), 16, 255));
    PruneRequest request =
        Pruning.request(
            out("few"), Pruning.rules("wanda+tune", "0.5"), Pruning.samples(samples), false);
    assertThatThrownBy(() -> Pruning.prune(dense, request, 1))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining(
            "expected at least 8 samples, and 4096 tokens in all, found 16 samples of 255");
  }

  /** With {@code --requantize} the fitted weights are rounded to codes under their own scales. */
  @Test
  void codesAreTuned() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(1, 64, 96, 200);
    Path dense = llama.writeFp8(out("dense"));
    List<int[]> samples = TestData.tokens(llama.writeSamples(out("samples"), 16, 256));
    for (String update : List.of("realign", "tune")) {
      PruningRules rules =
          new PruningRules(
              Pruning.rules("wanda+" + update, "0.5"),
              List.of(),
              Map.of(),
              Unreached.MAGNITUDE,
              Set.of(),
              true);
      PruneRequest request = Pruning.request(out(update), rules, Pruning.samples(samples), false);
      RunResult result = Pruning.prune(dense, request, 2);
      assertThat(result.sparsity()).isCloseTo(0.5, within(0.01));
      assertThat(verify(dense, out(update))).isEmpty();
    }
    List<String> shards =
        TestData.names(out("tune")).stream().filter(name -> name.endsWith(".safetensors")).toList();
    assertThat(shards).isNotEmpty();
    for (String shard : shards) {
      Path realigned = out("realign").resolve(shard);
      assertThat(Files.mismatch(realigned, out("tune").resolve(shard))).isNotEqualTo(-1);
    }
  }

  /** Weights would be fitted to what eight tokens happen to be. */
  @ParameterizedTest
  @ValueSource(strings = {"sparsegpt", "wanda+reconstruct", "wanda+alps"})
  @FirstCases(1)
  void fromTooFewTokensNothingIsFitted(String what) throws IOException {
    List<int[]> few = List.of(Arrays.copyOf(SAMPLES.get(0), 8));
    prune("few", Pruning.rules(what, "0.5"), few, 2);
    prune("wanda", Pruning.rules("wanda", "0.5"), few, 2);
    for (String file : TestData.names(out("wanda"))) {
      if (file.endsWith(".safetensors")) {
        assertThat(Files.mismatch(out("few").resolve(file), out("wanda").resolve(file)))
            .as(file)
            .isEqualTo(-1);
      }
    }
    assertThat(verify(TestData.TINY_LLAMA, out("few"))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"sparsegpt", "wanda+reconstruct", "wanda+alps"})
  void whatChangedAfterwardsIsFound(String what) throws IOException {
    GeneratedLlama llama = new GeneratedLlama(1, 64, 96, 200);
    Path dense = llama.write(out("dense"));
    List<int[]> samples = TestData.tokens(llama.writeSamples(out("samples"), 3, 64));
    RunResult result =
        Pruning.prune(
            dense,
            Pruning.request(
                out("out"), Pruning.rules(what, "0.5"), Pruning.samples(samples), false),
            2);
    assertThat(verify(dense, out("out"))).isEmpty();
    ModuleResult module = result.modules().get(0);
    Path shard = out("out").resolve(module.module().shard().path().getFileName());
    byte[] weights = TestData.bytes(shard).get(module.module().tensor().name());
    int column = 0;
    while (weights[2 * column] == 0 && weights[2 * column + 1] == 0) {
      column++;
    }
    int where = column;
    long at = module.module().shard().dataOffset() + module.module().tensor().begin() + 2L * column;
    Damage.put(shard, at, (byte) 0xc0, (byte) 0x7f);
    assertThat(verify(dense, out("out")))
        .hasSize(2)
        .anyMatch(line -> line.contains("of which wanda-cuda.json has the SHA-256"))
        .anyMatch(
            line ->
                line.contains("row 0, column " + where + ": expected a finite weight, found NaN"));
    Damage.put(shard, at, (byte) 0, (byte) 0);
    assertThat(verify(dense, out("out"))).isNotEmpty();
  }
}
