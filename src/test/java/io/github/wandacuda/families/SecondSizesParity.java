package io.github.wandacuda.families;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.families.SecondSizes.Second;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Families at sizes and with options that the fixtures don't have, in all types of weights, with
 * and without the names' prefix, beside buffers that no forward pass reads, on a backend: against
 * an independent float64 implementation.
 *
 * <p>The tolerances are the fixtures', which kernels that sum float32 products keep. Measured on
 * the scalar, the vector and the OpenCL ones: at most 2.6e-5 on logits, 9e-7 on perplexity, and on
 * norms 1.7e-6, but for a mixture that sends experts few tokens, where it is 8.6e-6.
 */
abstract class SecondSizesParity extends OneBackend {
  SecondSizesParity(Supplier<Backend> device, double differentBits) {
    super(device, differentBits);
  }

  /** Returns the tolerance of logits, relative to what is larger, the logit or 1. */
  double logits(Second second) {
    return 2e-4;
  }

  /** Returns the tolerance of norms and of perplexity, relative. */
  double relative(Second second) {
    return 1e-5;
  }

  static List<Second> models() {
    return SecondSizes.all();
  }

  final SecondSizeChecks checks(Second second, Path directory) throws IOException {
    return new SecondSizeChecks(second, backend(), directory);
  }

  @ParameterizedTest
  @MethodSource("models")
  void logitsAreTheReferences(Second second, @TempDir Path directory) throws IOException {
    checks(second, directory).logitsAre(logits(second));
  }

  @ParameterizedTest
  @MethodSource("models")
  void normsAreTheReferences(Second second, @TempDir Path directory) throws IOException {
    checks(second, directory).normsAre(relative(second));
  }

  @ParameterizedTest
  @MethodSource("models")
  void perplexityIsTheReferences(Second second, @TempDir Path directory) throws IOException {
    checks(second, directory).perplexityIs(relative(second));
  }
}
