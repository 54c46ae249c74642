package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Norms and perplexities against those of Hugging Face transformers and the original Wanda code.
 */
class DenseCalibrationTest {
  private static Statistics calibrate(Path directory, List<int[]> samples, int threads) {
    try (CpuDecoder cpu = CpuDecoder.open(directory, threads)) {
      return cpu.statistics(samples);
    }
  }

  private static double perplexity(Path directory, List<int[]> windows) {
    try (CpuDecoder cpu = CpuDecoder.open(directory, 2)) {
      return cpu.perplexity(windows);
    }
  }

  @Test
  @Thorough
  void perplexityAgreesWithTheWandaCode() {
    double expected =
        TestData.json(TestData.GOLDEN.resolve("results.json"))
            .get("dense_perplexity")
            .doubleValue();
    double found =
        perplexity(
            TestData.TINY_LLAMA, TestData.tokens(TestData.GOLDEN.resolve("evaluation.json")));
    assertThat(found).isCloseTo(expected, within(1e-4 * expected));
  }

  @Test
  void windowsOfDifferentLengthsCountAlike() {
    Path model = TestData.fixture("llama-gqa").resolve("model");
    int[] longer = {1, 2, 3, 4, 5};
    int[] shorter = {9, 8, 7};
    double both = Math.log(perplexity(model, List.of(longer, shorter)));
    double one = Math.log(perplexity(model, List.of(longer)));
    double other = Math.log(perplexity(model, List.of(shorter)));
    assertThat(both).isCloseTo((one + other) / 2, within(1e-9));
  }

  @Test
  void threadsChangeNoBit() {
    Path fixture = TestData.fixture("llama-gqa");
    List<int[]> samples = TestData.tokens(fixture.resolve("tokens.json"));
    Statistics one = calibrate(fixture.resolve("model"), samples, 1);
    Statistics three = calibrate(fixture.resolve("model"), samples, 3);
    one.norms().forEach((module, norms) -> assertThat(three.norms().get(module)).isEqualTo(norms));
  }
}
