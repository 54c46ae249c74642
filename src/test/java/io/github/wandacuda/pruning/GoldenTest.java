package io.github.wandacuda.pruning;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole runs against the masks of the original Wanda code and of an independent implementation. */
class GoldenTest {
  private static final JsonNode RESULTS = TestData.json(TestData.GOLDEN.resolve("results.json"));

  @TempDir Path directory;

  private RunResult prune(Method method, String amount, Calibration calibration) {
    Sparsity sparsity = Pruning.sparsity(amount);
    return Pruning.prune(
        TestData.TINY_LLAMA, directory.resolve("out"), method, sparsity, calibration);
  }

  private static Calibration statistics(String run) {
    return Pruning.statistics(TestData.GOLDEN.resolve(run + ".statistics.safetensors"));
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
    RunResult result = prune(Method.WANDA, amount, statistics(run));
    assertThat(result.provenance().maskSha256())
        .isEqualTo(RESULTS.get(run).get("mask_sha256").asText());
    assertThat(result.sparsity()).isEqualTo(RESULTS.get(run).get("sparsity").doubleValue());
  }

  @Test
  void magnitudeMasksAreThoseOfTheWandaCode() {
    assertThat(prune(Method.MAGNITUDE, "0.5", new Calibration.None()).provenance().maskSha256())
        .isEqualTo(RESULTS.get("magnitude-50").get("mask_sha256").asText());
  }

  @ParameterizedTest
  @CsvSource({"wanda-50, 0.5", "wanda-2of4, 2:4"})
  @FirstCases(1)
  void aCalibratedRunAgreesInAllButFiveBitsOfTenThousand(String run, String amount) {
    List<int[]> samples = TestData.tokens(TestData.GOLDEN.resolve("calibration.json"));
    RunResult result = prune(Method.WANDA, amount, Pruning.samples(samples));
    var expected = TestData.bytes(TestData.GOLDEN.resolve(run + ".masks.safetensors"));
    long different = 0;
    for (ModuleResult module : result.modules()) {
      byte[] mask = expected.get(module.module().name() + ".mask");
      different += differentBits(module, mask, directory.resolve("out"));
    }
    assertThat((double) different / result.provenance().elements()).isLessThan(0.0005);
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
  void pruningThePrunedAgainChangesNothing() {
    prune(Method.WANDA, "0.6", statistics("wanda-60"));
    Path once = directory.resolve("out");
    Path twice = directory.resolve("twice");
    Pruning.prune(once, twice, Method.WANDA, Pruning.sparsity("0.6"), statistics("wanda-60"));
    Directories.assertSame(once, twice);
  }
}
