package io.github.wandacuda.families;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * All families' fixtures on a backend. Most of their weights are float32, so that GPUs sum float32
 * products too, if in another order than the CPU: what is measured is 1.5e-5 on logits, 1e-6 on
 * norms and 2e-7 on perplexity on all of them, and the tolerances are those that the fixtures ask
 * for.
 */
abstract class FixturesParity extends OneBackend {
  private static final double LOGITS = 2e-4;
  private static final double RELATIVE = 1e-5;

  FixturesParity(Supplier<Backend> device, double differentBits) {
    super(device, differentBits);
  }

  static List<String> families() {
    return TestData.families();
  }

  @ParameterizedTest
  @MethodSource("families")
  void logitsAgreeWithTransformers(String family) {
    new FixtureChecks(family, backend()).logitsAre(LOGITS);
  }

  @ParameterizedTest
  @MethodSource("families")
  void normsAgreeWithTransformers(String family) {
    new FixtureChecks(family, backend()).normsAre(RELATIVE);
  }

  @ParameterizedTest
  @MethodSource("families")
  void perplexityAgreesWithTransformers(String family) {
    new FixtureChecks(family, backend()).perplexityIs(RELATIVE);
  }

  @ParameterizedTest
  @MethodSource("families")
  void masksFromStatisticsAreExact(String family, @TempDir Path directory) {
    new FixtureChecks(family, backend()).masksFromStatisticsAreExact(directory.resolve("out"));
  }

  @ParameterizedTest
  @MethodSource("families")
  void calibratedRunsAgree(String family, @TempDir Path directory) {
    new FixtureChecks(family, backend())
        .calibratedRunAgrees(directory.resolve("out"), differentBits, RELATIVE);
  }
}
