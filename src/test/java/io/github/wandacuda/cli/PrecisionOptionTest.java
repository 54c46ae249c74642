package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The option for the precision reaches the kernels, and the result says which it was. */
@Tag("gpu")
@Tag("pretend")
class PrecisionOptionTest {
  private static final String PRODUCT = "cublasGemmEx";

  @TempDir Path directory;
  @AutoClose private final PretendCuda driver = PretendCuda.start();

  @BeforeEach
  void start() {
    driver.loadCublas();
  }

  private Ended run(String command, Object... more) {
    return InProcess.line("%s --model %s --backend cuda", command, TestData.TINY_LLAMA, more)
        .succeeds();
  }

  private JsonNode calibrate(String output, Object... more) throws IOException {
    List<Object> words =
        Words.of(
            "--calibration %s --samples 1 --output %s --json",
            TestData.GOLDEN.resolve("calibration.json"), directory.resolve(output), more);
    return new ObjectMapper().readTree(run("calibrate", words.toArray()).out());
  }

  @Test
  @Thorough
  void twoPassesUnlessOneIsAskedFor() throws IOException {
    assertThat(calibrate("high").path("precision").asText()).isEqualTo("high");
    long twice = driver.launches(PRODUCT);
    assertThat(twice).isPositive();
    JsonNode fast = calibrate("fast", "--precision", "fast");
    assertThat(fast.path("precision").asText()).isEqualTo("fast");
    assertThat(2 * (driver.launches(PRODUCT) - twice)).isEqualTo(twice);
  }

  @Test
  void aRunWithoutTextHasNoProducts() {
    Ended result =
        run(
            "prune",
            "--statistics",
            TestData.GOLDEN.resolve("wanda-50.statistics.safetensors"),
            "--output",
            directory.resolve("out"),
            "--dry-run",
            "--precision",
            "fast");
    assertThat(result.err())
        .contains("WARN --precision has no effect: no text runs through the model");
  }
}
