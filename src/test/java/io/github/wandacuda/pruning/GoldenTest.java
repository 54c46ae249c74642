package io.github.wandacuda.pruning;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.job.Calibration;
import io.github.wandacuda.job.PruneRequest;
import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole runs against the masks of the original Wanda code and of an independent implementation. */
class GoldenTest {
  private static final JsonNode RESULTS = TestData.json(TestData.GOLDEN.resolve("results.json"));

  @TempDir Path directory;

  private static Sparsity amount(String text) {
    return text.contains(":")
        ? SparsityParser.pattern(text)
        : new Sparsity.Ratio(Double.parseDouble(text));
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
    RunResult result =
        Pruning.prune(
            TestData.TINY_LLAMA,
            directory.resolve("out"),
            Method.WANDA,
            amount(amount),
            Pruning.statistics(TestData.GOLDEN.resolve(run + ".statistics.safetensors")));
    assertThat(result.maskSha256()).isEqualTo(RESULTS.get(run).get("mask_sha256").asText());
    assertThat(result.sparsity()).isEqualTo(RESULTS.get(run).get("sparsity").doubleValue());
  }

  @Test
  void magnitudeMasksAreThoseOfTheWandaCode() {
    RunResult result =
        Pruning.prune(
            TestData.TINY_LLAMA,
            directory.resolve("out"),
            Method.MAGNITUDE,
            amount("0.5"),
            new Calibration.None());
    assertThat(result.maskSha256())
        .isEqualTo(RESULTS.get("magnitude-50").get("mask_sha256").asText());
  }

  @ParameterizedTest
  @CsvSource({"wanda-50, 0.5", "wanda-2of4, 2:4"})
  void aCalibratedRunAgreesInAllButFiveBitsOfTenThousand(String run, String amount) {
    RunResult result =
        Pruning.prune(
            TestData.TINY_LLAMA,
            directory.resolve("out"),
            Method.WANDA,
            amount(amount),
            Pruning.samples(TestData.tokens(TestData.GOLDEN.resolve("calibration.json"))));
    var expected = TestData.bytes(TestData.GOLDEN.resolve(run + ".masks.safetensors"));
    long different = 0;
    for (ModuleResult module : result.modules()) {
      byte[] mask = expected.get(module.module().name() + ".mask");
      different += differentBits(module, mask, directory.resolve("out"));
    }
    assertThat((double) different / result.elements()).isLessThan(0.0005);
  }

  /** Compares with the zeros of the written output: the bundled model has none of its own. */
  private static long differentBits(ModuleResult result, byte[] mask, Path output) {
    Path shard = output.resolve(result.module().shard().path().getFileName());
    byte[] weights = TestData.bytes(shard).get(result.module().tensor().name());
    int columns = result.module().columns();
    int rowBytes = (columns + 7) / 8;
    long different = 0;
    for (int element = 0; element < weights.length / 2; element++) {
      boolean kept = (weights[2 * element] | weights[2 * element + 1] & 0x7f) != 0;
      int column = element % columns;
      int bits = mask[element / columns * rowBytes + column / 8];
      different += kept == ((bits >> column % 8 & 1) == 1) ? 0 : 1;
    }
    return different;
  }

  @Test
  void threadsChangeNoByteOfTheOutput() throws IOException {
    Path model = TestData.fixture("llama-gqa").resolve("model");
    Calibration samples =
        Pruning.samples(TestData.tokens(TestData.fixture("llama-gqa").resolve("tokens.json")));
    for (int threads : new int[] {1, 3}) {
      PruneRequest request =
          Pruning.request(directory.resolve("out" + threads), Method.WANDA, amount("0.3"), samples);
      Pruning.prune(model, request, threads);
    }
    for (String file : TestData.names(directory.resolve("out1"))) {
      assertThat(
              Files.mismatch(
                  directory.resolve("out1").resolve(file), directory.resolve("out3").resolve(file)))
          .as(file)
          .isEqualTo(-1);
    }
  }

  @Test
  void pruningThePrunedAgainChangesNothing() throws IOException {
    Calibration statistics =
        Pruning.statistics(TestData.GOLDEN.resolve("wanda-60.statistics.safetensors"));
    Path once = directory.resolve("once");
    Path twice = directory.resolve("twice");
    Pruning.prune(TestData.TINY_LLAMA, once, Method.WANDA, amount("0.6"), statistics);
    Pruning.prune(once, twice, Method.WANDA, amount("0.6"), statistics);
    assertThat(TestData.names(twice)).isEqualTo(TestData.names(once));
    for (String file : TestData.names(once)) {
      assertThat(Files.mismatch(once.resolve(file), twice.resolve(file))).as(file).isEqualTo(-1);
    }
  }
}
