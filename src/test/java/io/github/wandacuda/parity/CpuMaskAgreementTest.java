package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.cpu.FoundOneDnn;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.RoundedModel;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * How far masks of calibrated runs with products in bfloat16 are those in float32. What was found
 * on one processor is a table on the page of numerics; oneDNN's bits are other ones elsewhere.
 */
class CpuMaskAgreementTest {
  /** Of the bits; the page has 0.087 % at most. */
  private static final double MOST_DIFFERING = 0.002;

  @TempDir Path directory;

  @BeforeEach
  void requireOneDnn() {
    Object unused = FoundOneDnn.require();
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-mha", "llama-gqa", "llama3", "opt", "gemma2"})
  void masksOfFixturesAgree(String family) throws IOException {
    Path fixture = TestData.fixture(family);
    agree(family, fixture.resolve("model"), TestData.tokens(fixture.resolve("tokens.json")));
  }

  @Test
  void masksOfABundledModelAgree() throws IOException {
    agree(
        "tiny-llama",
        TestData.TINY_LLAMA,
        TestData.tokens(TestData.GOLDEN.resolve("calibration.json")));
  }

  private void agree(String name, Path model, List<int[]> tokens) throws IOException {
    Path rounded = RoundedModel.write(model, directory.resolve("model"), DType.BF16);
    try (Backend usual = Pruning.cpu(2);
        Backend fast = Backends.open("cpu", 0, 2, Precision.FAST).backend()) {
      assertThat(fast.precision()).contains(Precision.FAST);
      CalibratedMasks expected =
          CalibratedMasks.of(usual, rounded, directory.resolve("usual"), tokens);
      CalibratedMasks found = CalibratedMasks.of(fast, rounded, directory.resolve("fast"), tokens);
      assertThat(found.differing(expected)).as(name).isBetween(1e-9, MOST_DIFFERING);
    }
  }
}
