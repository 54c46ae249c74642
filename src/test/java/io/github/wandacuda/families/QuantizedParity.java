package io.github.wandacuda.families;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.testing.PackedReference;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Quantized checkpoints on a backend, in every format that is read: what a forward pass in float64
 * gives for the dequantized weights, and the codes of the pruned ones, byte for byte.
 */
abstract class QuantizedParity extends OneBackend {
  private static final double LOGITS = 2e-4;
  private static final double RELATIVE = 1e-5;

  QuantizedParity(Supplier<Backend> device, double differentBits) {
    super(device, differentBits);
  }

  static List<String> all() {
    return TestData.quantized();
  }

  /** Returns those of which single weights are pruned. */
  static List<String> prunable() {
    return TestData.prunable();
  }

  private FixtureChecks checks(String name) {
    return new FixtureChecks(name, backend());
  }

  @ParameterizedTest
  @MethodSource("all")
  void logitsAreThoseOfTheDequantizedModel(String name) {
    checks(name).logitsAre(LOGITS);
  }

  @ParameterizedTest
  @MethodSource("all")
  void normsAreThoseOfTheDequantizedModel(String name) {
    checks(name).normsAre(RELATIVE);
  }

  @ParameterizedTest
  @MethodSource("all")
  void perplexityIsThatOfTheDequantizedModel(String name) {
    checks(name).perplexityIs(RELATIVE);
  }

  @ParameterizedTest
  @MethodSource("prunable")
  void packedCodesAreReadAsTheyWere(String name, @TempDir Path directory) throws IOException {
    Path packed = directory.resolve("packed");
    PackedReference.pack(TestData.fixture(name).resolve("model"), packed);
    new FixtureChecks(name, backend(), packed).logitsAre(LOGITS);
  }

  @ParameterizedTest
  @MethodSource("prunable")
  void calibratedRunsAgree(String name, @TempDir Path directory) {
    checks(name).calibratedRunAgrees(directory.resolve("out"), differentBits, RELATIVE);
  }

  @ParameterizedTest
  @MethodSource("prunable")
  void prunedCodesAreTheReferences(String name, @TempDir Path directory) {
    Path fixture = TestData.fixture(name);
    var dense = Pruning.statistics(fixture.resolve("dense.statistics.safetensors"));
    var sequential = Pruning.statistics(fixture.resolve("wanda50.statistics.safetensors"));
    Sparsity pattern = new Sparsity.GroupPattern(2, 4);
    checks(name)
        .prunedTensorsAre("pruned_dense50", dense, Pruning.HALF, directory.resolve("dense"));
    checks(name)
        .prunedTensorsAre("pruned_dense_2of4", dense, pattern, directory.resolve("pattern"));
    checks(name)
        .prunedTensorsAre("pruned_wanda50", sequential, Pruning.HALF, directory.resolve("run"));
  }
}
