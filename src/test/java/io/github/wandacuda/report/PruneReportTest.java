package io.github.wandacuda.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibrate.Progress;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.PruneJob;
import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.verify.RowThresholds;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.prune.MaskSink;
import io.github.wandacuda.prune.Method;
import io.github.wandacuda.prune.Unreached;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model with dead columns, rows of zeros and a name that HTML could mistake. */
class PruneReportTest {
  private static final String MODULE = "layers.0.<b>&\\\"q\\\"";

  private static final RunFacts FACTS =
      new RunFacts(
          Path.of("</script><b>"),
          "1.0",
          "cpu",
          "one",
          "float32",
          Instant.parse("2026-01-02T03:04:05.6Z"));

  @TempDir Path directory;
  private PruneRequest request;
  private RunResult result;
  private Map<String, RowThresholds> thresholds;

  @BeforeEach
  void prune() throws IOException {
    float[] weights = new float[6 * 8];
    for (int element = 0; element < weights.length; element++) {
      // Rows 1 and 4 are all zero.
      weights[element] = element / 8 % 3 == 1 ? 0 : element + 1;
    }
    Path model = Files.createDirectory(directory.resolve("model"));
    Files.writeString(model.resolve("config.json"), "{}");
    new SafetensorsBytes()
        .f32(MODULE + ".weight", weights, 6, 8)
        .write(model.resolve("model.safetensors"));
    Path statistics =
        new SafetensorsBytes()
            .metadata("format", "wanda-cuda.statistics.v1")
            .f32(MODULE + ".input_norm", new float[] {1, 0, 2, 0, 0, 3, 4, 5}, 8)
            .write(directory.resolve("statistics"));
    request =
        new PruneRequest(
            directory.resolve("out"),
            Method.WANDA,
            new Sparsity.Ratio(0.5),
            ModuleChoice.DEFAULT,
            Pruning.statistics(statistics),
            true,
            false,
            Unreached.MAGNITUDE);
    try (ModelDirectory opened = ModelDirectory.open(model);
        Backend backend = Pruning.cpu(2)) {
      result =
          PruneJob.toOutput(opened, request)
              .run(backend, "test", Progress.NONE, MaskSink.NONE, result -> {});
      thresholds = RowThresholds.of(request.output(), request.rules(), result.modules(), backend);
    }
  }

  @Test
  void countsWhatIsDeadAndZero() {
    assertThat(result.deadColumns()).isEqualTo(3);
    assertThat(result.zeroRows()).isEqualTo(2);
    Path file = directory.resolve("report.json");
    AtomicWrite.write(
        file, PruneReport.content(file, FACTS, request, result, thresholds, Optional.empty()));
    JsonNode json = TestData.json(file);
    assertThat(ReportFormat.isOne(file)).isTrue();
    assertThat(json.get("dead_columns").asInt()).isEqualTo(3);
    assertThat(json.get("zero_rows").asInt()).isEqualTo(2);
    JsonNode module = json.get("modules").get(0);
    assertThat(module.get("zero_rows").asInt()).isEqualTo(2);
    assertThat(module.get("norms").get("dead_columns").asInt()).isEqualTo(3);
    assertThat(module.get("norms").get("least").asDouble()).isZero();
    assertThat(module.get("norms").get("most").asDouble()).isEqualTo(5);
    assertThat(module.get("norms").get("median").asDouble()).isEqualTo(1);
    assertThat(json.get("model").asText()).isEqualTo("</script><b>");
    assertThat(json.get("ended").asText()).isEqualTo("2026-01-02T03:04:05Z");
    assertThat(json.get("method").asText()).isEqualTo("wanda");
    assertThat(json.get("weights").asLong()).isEqualTo(48);
  }

  /**
   * Row r holds 8r + 1 to 8r + 8, unless it is all zero. Of the scores of row 0, which are 1, 0, 6,
   * 0, 0, 18, 28 and 40, the four lowest end at 1; the rows 2, 3 and 5 begin at 17, 25 and 41.
   */
  @Test
  void aRowsThresholdIsTheHighestScoreThatGoes() {
    assertThat(thresholds.values()).containsExactly(new RowThresholds(0, 1, 41));
    Path file = directory.resolve("report.json");
    AtomicWrite.write(
        file, PruneReport.content(file, FACTS, request, result, thresholds, Optional.empty()));
    JsonNode json = TestData.json(file).get("modules").get(0).get("row_thresholds");
    assertThat(json.toString()).isEqualTo("{\"lowest\":0.0,\"median\":1.0,\"highest\":41.0}");
    AtomicWrite.write(
        file, PruneReport.content(file, FACTS, request, result, Map.of(), Optional.empty()));
    assertThat(TestData.json(file).get("modules").get(0).has("row_thresholds")).isFalse();
  }

  @Test
  void thePageNeedsNothingBesideItAndMistakesNoName() throws IOException {
    Path file = directory.resolve("report.html");
    AtomicWrite.write(
        file, PruneReport.content(file, FACTS, request, result, thresholds, Optional.empty()));
    assertThat(ReportFormat.isOne(file)).isTrue();
    String page = Files.readString(file);
    assertThat(page)
        .startsWith("<!DOCTYPE html>")
        .contains("<html lang=\"en\">", "layers.0.&lt;b&gt;&amp;&quot;q&quot;", result.maskSha256())
        .contains("<dt>Dead columns</dt><dd>3</dd>", "<dt>Rows all zero</dt><dd>2</dd>")
        .contains("<td class=\"some\">3</td><td class=\"some\">2</td><td>0.000</td>")
        .contains("<td>0.000</td><td>1.000</td><td>41.00</td>", "threshold by row and block")
        .contains("&lt;/script&gt;&lt;b&gt;", "2026-01-02 03:04:05 UTC")
        .doesNotContain("<b>", "${", "http:", "https:", "<script src", "url(", "@import")
        .containsOnlyOnce("<script>")
        .containsOnlyOnce("</script>");
  }

  @Test
  void everyNumberOfThePageIsInItsTwin() throws IOException {
    Path page = directory.resolve("report.html");
    Path twin = directory.resolve("report.json");
    Optional<Perplexities> both = Optional.of(new Perplexities(12.345, 67.89));
    AtomicWrite.write(page, PruneReport.content(page, FACTS, request, result, thresholds, both));
    AtomicWrite.write(twin, PruneReport.content(twin, FACTS, request, result, thresholds, both));
    String html = Files.readString(page);
    assertThat(html).contains("<dt>Perplexity</dt><dd>12.35 → 67.89</dd>");
    assertThat(TwinNumbers.shown(html)).hasSizeGreaterThan(15);
    assertThat(TwinNumbers.of(TestData.json(twin))).containsAll(TwinNumbers.shown(html));
  }
}
