package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a report of {@code prune} says, in a run and after it, can be traced to what was given. */
class PruneReportsTest {
  private static final Path TEXT = Path.of("testdata/text/heldout.txt");
  private static final Path CALIBRATION = Path.of("testdata/text/calibration.txt");

  @TempDir Path directory;

  private Ended prune(String output, Object... more) {
    return InProcess.line(
        "prune --model %s --backend cpu --output %s",
        TestData.TINY_LLAMA, directory.resolve(output), more);
  }

  @Test
  void aReportSaysWhatWasGivenAndWhatItDid() {
    Path file = directory.resolve("report.json");
    List<Object> more =
        Words.of(
            "--calibration %s --samples 2 --sequence-length 32 --sparsity 0.7 --report %s "
                + "--quiet",
            CALIBRATION, file);
    prune("out", more).succeeds();
    JsonNode report = TestData.json(file);
    assertThat(report.get("command").get(0).asText()).isEqualTo("prune");
    assertThat(report.get("command").get(report.get("command").size() - 1).asText())
        .isEqualTo("--quiet");
    JsonNode record = TestData.json(directory.resolve("out/wanda-cuda.json"));
    JsonNode inputs = report.get("inputs");
    assertThat(inputs.get("calibration_file").asText()).isEqualTo(CALIBRATION.toString());
    for (String key : new String[] {"calibration_sha256", "samples", "sequence_length", "seed"}) {
      assertThat(inputs.get(key)).isNotNull().isEqualTo(record.get(key));
    }
    assertThat(record.get("files").get("calibration").asText()).isEqualTo("calibration.txt");
    assertThat(report.get("peak_rss_bytes").asLong()).isPositive();
    assertThat(report.get("worst")).hasSize(5);
    JsonNode module = report.get("modules").get(0);
    assertThat(module.get("amount").asText()).isEqualTo("70.00 %");
    assertThat(module.get("estimated_error").asDouble()).isBetween(0.0, 1.0);
  }

  @Test
  void aReportCanBeHadAfterwards() throws Exception {
    Path statistics = directory.resolve("norms.safetensors");
    List<Object> drawn = Words.of("--calibration %s --samples 2 --sequence-length 32", CALIBRATION);
    prune("first", drawn, "--save-statistics", statistics);
    Path then = directory.resolve("then.json");
    Path later = directory.resolve("later.json");
    prune("out", "--statistics", statistics, "--report", then);
    byte[] record = Files.readAllBytes(directory.resolve("out/wanda-cuda.json"));
    Ended again =
        prune("out", "--statistics", statistics, "--report", later, "--resume").succeeds();
    assertThat(again.out()).contains("finished before, nothing was done");
    assertThat(Files.readAllBytes(directory.resolve("out/wanda-cuda.json"))).isEqualTo(record);
    JsonNode report = TestData.json(later);
    assertThat(report.get("afterwards").asBoolean()).isTrue();
    assertThat(report.has("seconds")).isFalse();
    assertThat(report.get("modules")).isEqualTo(TestData.json(then).get("modules"));
    assertThat(report.get("worst")).isEqualTo(TestData.json(then).get("worst"));
    // The samples of a calibrated run are gone, and with them its norms.
    Path calibrated = directory.resolve("calibrated.json");
    prune("first", drawn, "--report", calibrated, "--resume");
    JsonNode module = TestData.json(calibrated).get("modules").get(0);
    assertThat(module.has("norms")).isFalse();
    assertThat(module.has("estimated_error")).isFalse();
    assertThat(module.get("weight_error").asDouble()).isBetween(0.0, 1.0);
  }

  @Test
  @Thorough
  void aPackedOutputHasItsReportAndSampleTexts() {
    Path file = directory.resolve("report.json");
    List<Object> packed =
        Words.of("--method magnitude --packed --evaluate %s --report %s --quiet", TEXT, file);
    prune("packed", packed).succeeds();
    JsonNode report = TestData.json(file);
    assertThat(report.get("modules").get(0).has("row_thresholds")).isTrue();
    JsonNode sample = report.get("sample");
    assertThat(sample.get("prompt").asText()).startsWith("The Amazon carries more water");
    assertThat(sample.get("before").asText())
        .isNotEmpty()
        .isNotEqualTo(sample.get("after").asText());
    assertThat(report.get("inputs").get("text").get("file").asText()).isEqualTo(TEXT.toString());
    assertThat(report.get("inputs").get("text").get("sha256").asText()).hasSize(64);
  }
}
