package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.MethodKey;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.ModuleResult.OutputErrors;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.SparsityParser;
import io.github.wandacuda.pruning.Unreached;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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

  private static ModuleRules rules(String what, String amount) {
    Sparsity sparsity =
        amount.contains(":")
            ? SparsityParser.pattern(amount)
            : new Sparsity.Ratio(Double.parseDouble(amount));
    return ModuleRules.of(what, sparsity, EnumSet.allOf(Method.class), "method");
  }

  private RunResult prune(String name, ModuleRules rules, int threads) {
    return prune(name, rules, threads, (index, mask) -> {});
  }

  private RunResult prune(String name, ModuleRules rules, int threads, MaskSink masks) {
    return prune(name, rules, SAMPLES, threads, masks);
  }

  private RunResult prune(
      String name, ModuleRules rules, List<int[]> samples, int threads, MaskSink masks) {
    PruneRequest request =
        new PruneRequest(
            out(name),
            new PruningRules(rules, Unreached.MAGNITUDE),
            ModuleChoice.DEFAULT,
            Pruning.samples(samples),
            true,
            false,
            null,
            Optional.empty());
    return Pruning.prune(TestData.TINY_LLAMA, request, threads, Progress.NONE, masks);
  }

  private double perplexity(String name) {
    try (ModelDirectory model = ModelDirectory.open(out(name));
        Backend backend = Pruning.cpu(2)) {
      try (Decoder decoder = DecoderFamilies.open(model, backend.operations())) {
        return Perplexity.of(decoder, backend.operations(), EVALUATION, Progress.NONE);
      }
    }
  }

  private void verify(String name) {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      assertThat(Verifier.verify(model, out(name), Verifier.Claim.NONE, 2).failures()).isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "sparsegpt, 0.5, 46.37", "sparsegpt, 2:4, 75.71", "wanda+swaps, 0.5, 46.2",
    "wanda+swaps, 2:4, 83.1", "wanda+reconstruct, 2:4, 71.7", "wanda+swaps+reconstruct, 0.7, 133",
    "ria, 0.5, 49.2"
  })
  @FirstCases(2)
  void perplexitiesAreThoseOfTheReference(String what, String amount, double most) {
    prune("out", rules(what, amount), 2);
    assertThat(perplexity("out")).isLessThan(most);
    verify("out");
  }

  @ParameterizedTest
  @CsvSource({"sparsegpt, sparsegpt-50, 0.001", "wanda-variant, wanda-variant-50, 0.0001"})
  void masksAreThoseOfTheOriginalCode(String what, String golden, double differing) {
    Map<Integer, byte[]> masks = new HashMap<>();
    RunResult result =
        prune(
            "out",
            rules(what, "0.5"),
            2,
            (index, mask) -> {
              synchronized (masks) {
                masks.put(index, mask.toArray(ValueLayout.JAVA_BYTE));
              }
            });
    List<byte[]> expected =
        new ArrayList<>(
            TestData.bytes(TestData.GOLDEN.resolve(golden + ".masks.safetensors")).values());
    long different = 0;
    for (int index = 0; index < expected.size(); index++) {
      different += differentBits(expected.get(index), masks.get(index));
    }
    assertThat((double) different / result.elements()).isLessThan(differing);
    verify("out");
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
    ModuleRules wanda = rules("wanda+swaps", "0.5");
    ModuleRules unswapped = wanda.with(MethodKey.REFINE_SWAPS, 0);
    double alone = relative(prune("alone", unswapped, 2));
    assertThat(relative(prune("swaps", wanda, 2)) / alone).isLessThan(0.82);
    assertThat(relative(prune("fitted", rules("wanda+reconstruct", "0.5"), 2)) / alone)
        .isLessThan(0.76);
    RunResult both = prune("both", rules("wanda+swaps+reconstruct", "0.5"), 2);
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
  @ValueSource(strings = {"sparsegpt", "ria+swaps", "wanda+reconstruct"})
  @Thorough
  void threadsChangeNoByte(String what) throws IOException {
    prune("one", rules(what, "0.4"), 1);
    prune("three", rules(what, "0.4"), 3);
    assertThat(TestData.names(out("three"))).isEqualTo(TestData.names(out("one")));
    for (String file : TestData.names(out("one"))) {
      assertThat(Files.mismatch(out("one").resolve(file), out("three").resolve(file)))
          .as(file)
          .isEqualTo(-1);
    }
  }

  /** Weights would be fitted to what eight tokens happen to be. */
  @ParameterizedTest
  @ValueSource(strings = {"sparsegpt", "wanda+reconstruct"})
  void fromTooFewTokensNothingIsFitted(String what) throws IOException {
    List<int[]> few = List.of(Arrays.copyOf(SAMPLES.get(0), 8));
    prune("few", rules(what, "0.5"), few, 2, MaskSink.NONE);
    prune("wanda", rules("wanda", "0.5"), few, 2, MaskSink.NONE);
    for (String file : TestData.names(out("wanda"))) {
      if (file.endsWith(".safetensors")) {
        assertThat(Files.mismatch(out("few").resolve(file), out("wanda").resolve(file)))
            .as(file)
            .isEqualTo(-1);
      }
    }
    verify("few");
  }

  @Test
  void swapsKeepEachRowsCount() {
    RunResult result = prune("out", rules("wanda+swaps", "0.5"), 2);
    assertThat(result.pruned()).isEqualTo(result.elements() / 2);
    assertThat(result.sparsity()).isEqualTo(0.5);
  }

  @Test
  void aWeightThatIsNoNumberAfterwardsIsFound() throws IOException {
    RunResult result = prune("out", rules("sparsegpt", "0.5"), 2);
    ModuleResult module = result.modules().get(0);
    Path shard = out("out").resolve(module.module().shard().path().getFileName());
    byte[] bytes = Files.readAllBytes(shard);
    long data = java.nio.ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN).getLong(0);
    int at = (int) (8 + data + module.module().tensor().begin());
    int column = 0;
    while (bytes[at + 2 * column] == 0 && bytes[at + 2 * column + 1] == 0) {
      column++;
    }
    MemorySegment.ofArray(bytes)
        .set(ValueLayout.JAVA_SHORT_UNALIGNED, at + 2L * column, (short) 0x7fc0);
    Files.write(shard, bytes);
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      assertThat(Verifier.verify(model, out("out"), Verifier.Claim.NONE, 2).failures())
          .singleElement()
          .asString()
          .contains("row 0, column " + column + ": expected a finite weight, found NaN");
    }
  }

  @Test
  void whatWasZeroedAfterwardsIsFound() throws IOException {
    prune("out", rules("wanda+reconstruct", "0.5"), 2);
    Path shard = out("out").resolve("model-00001-of-00003.safetensors");
    byte[] bytes = Files.readAllBytes(shard);
    boolean changed = false;
    for (int at = bytes.length - 2; !changed; at -= 2) {
      changed = bytes[at] != 0 || bytes[at + 1] != 0;
      bytes[at] = 0;
      bytes[at + 1] = 0;
    }
    Files.write(shard, bytes);
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      assertThat(Verifier.verify(model, out("out"), Verifier.Claim.NONE, 2).failures())
          .isNotEmpty();
    }
  }

  @Test
  void theVariantComesNearTheShare() {
    RunResult result = prune("out", rules("wanda-variant", "0.5"), 2);
    assertThat(result.sparsity()).isCloseTo(0.5, within(0.001));
    assertThat(perplexity("out")).isCloseTo(50.72, within(0.25));
  }
}
