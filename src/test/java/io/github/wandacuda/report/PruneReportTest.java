package io.github.wandacuda.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Divergence;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.ModuleReading;
import io.github.wandacuda.pruning.ModuleReading.RowThresholds;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.report.PruneReport.Perplexities;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
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
          Instant.parse("2026-01-02T03:04:05.6Z"),
          List.of("prune", "--model", "it's </script><b>"),
          Map.of("samples", 7, "stages", List.of(Map.of("modules", "<b>"))));

  private static final Map<String, Object> MEMORY = Map.of("peak_rss_bytes", 3L << 20);

  @TempDir Path directory;
  private PruneRequest request;
  private RunResult result;
  private Map<String, ModuleReading> readings;

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
        Pruning.request(
            directory.resolve("out"), Method.WANDA, Pruning.HALF, Pruning.statistics(statistics));
    try (ModelDirectory opened = ModelDirectory.open(model);
        Backend backend = Pruning.cpu(2)) {
      result =
          PruneJob.toOutput(opened, request)
              .run(backend, Progress.NONE, MaskSink.NONE, result -> {});
      readings = ModuleReading.of(request.output(), request.rules(), result.modules(), backend);
    }
  }

  private Path written(
      String name, Map<String, ModuleReading> found, Optional<Perplexities> perplexities) {
    Path file = directory.resolve(name);
    AtomicWrite.replace(
        file, new PruneReport(FACTS, request, result, found, perplexities, MEMORY).content(file));
    return file;
  }

  private JsonNode json() {
    return TestData.json(written("report.json", readings, Optional.empty()));
  }

  @Test
  void countsWhatIsDeadAndZero() {
    assertThat(result.deadColumns()).isEqualTo(3);
    assertThat(result.zeroRows()).isEqualTo(2);
    JsonNode json = json();
    assertThat(ReportFormat.isOne(directory.resolve("report.json"))).isTrue();
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
    assertThat(readings.values())
        .singleElement()
        .extracting(ModuleReading::thresholds)
        .isEqualTo(Optional.of(new RowThresholds(0, 1, 41)));
    JsonNode json = json().get("modules").get(0).get("row_thresholds");
    assertThat(json.toString()).isEqualTo("{\"lowest\":0.0,\"median\":1.0,\"highest\":41.0}");
    Path file = written("report.json", Map.of(), Optional.empty());
    assertThat(TestData.json(file).get("modules").get(0).has("row_thresholds")).isFalse();
  }

  /** By hand: of the squares of w n, those of the weights that went, which is what norms tell. */
  @Test
  void theErrorIsTheShareOfSquaredScoresThatGo() {
    double lost = 0;
    double all = 0;
    double[] norms = {1, 0, 2, 0, 0, 3, 4, 5};
    for (int row : new int[] {0, 2, 3, 5}) {
      for (int column = 0; column < 8; column++) {
        double score = (8 * row + column + 1) * norms[column];
        all += score * score;
        // The lowest scores are those of the three dead columns, and the first one's.
        lost += column == 0 ? score * score : 0;
      }
    }
    JsonNode json = json();
    JsonNode module = json.get("modules").get(0);
    assertThat(module.get("estimated_error").asDouble()).isCloseTo(lost / all, within(1e-12));
    assertThat(module.has("relative_error")).isFalse();
    assertThat(module.get("amount").asText()).isEqualTo("50.00 %");
    assertThat(json.get("worst").get(0).get("estimated_error"))
        .isEqualTo(module.get("estimated_error"));
    assertThat(json.get("peak_rss_bytes").asLong()).isEqualTo(3L << 20);
    assertThat(json.get("command").get(0).asText()).isEqualTo("prune");
    assertThat(json.get("inputs").get("samples").asInt()).isEqualTo(7);
  }

  @Test
  void thePageNeedsNothingBesideItAndMistakesNoName() throws IOException {
    Path file = written("report.html", readings, Optional.empty());
    assertThat(ReportFormat.isOne(file)).isTrue();
    String page = Files.readString(file);
    assertThat(page)
        .startsWith("<!DOCTYPE html>")
        .contains(
            "<html lang=\"en\">",
            "layers.<wbr>0.<wbr>&lt;b&gt;&amp;&quot;q&quot;",
            result.provenance().maskSha256())
        .contains("<dt>Dead columns</dt><dd>3</dd>", "<dt>Rows all zero</dt><dd>2</dd>")
        .contains("<td class=\"some\">3</td><td>0.000</td>", "<td class=\"some\">2</td>")
        .contains("<td>0.000</td><td>1.000</td><td>41.00</td>", "threshold by row and block")
        .contains("&lt;/script&gt;&lt;b&gt;", "2026-01-02 03:04:05 UTC")
        .contains(
            "<pre>wanda-cuda prune --model &#39;it&#39;\\&#39;&#39;s &lt;/script",
            "stages 1 modules")
        .contains("<dt>Peak memory</dt><dd>3 MiB</dd>", "What suffered most")
        .doesNotContain("<b>", "${", "http:", "https:", "<script src", "url(", "@import")
        .containsOnlyOnce("<script>")
        .containsOnlyOnce("</script>");
  }

  @Test
  void everyNumberOfThePageIsInItsTwin() throws IOException {
    Optional<Perplexities> both =
        Optional.of(
            new Perplexities(
                12.345,
                67.89,
                Optional.of(new Divergence(12.5, 3, 8)),
                Optional.of(new Perplexities.Sample("<b>", "dense", "pruned"))));
    Path page = written("report.html", readings, both);
    Path twin = written("twin.json", readings, both);
    String html = Files.readString(page);
    assertThat(html)
        .contains(
            "<dt>Perplexity</dt><dd>12.35 → 67.89</dd>",
            "<dd>1.5625 nats</dd>",
            "<dd>37.50 %</dd>");
    assertThat(TwinNumbers.shown(html)).hasSizeGreaterThan(15);
    assertThat(TwinNumbers.of(TestData.json(twin))).containsAll(TwinNumbers.shown(html));
  }

  @Test
  void whatOverflowedIsSaidToBeTooLarge() throws IOException {
    Map<String, ModuleReading> overflowed =
        Map.of(
            readings.keySet().iterator().next(),
            new ModuleReading(
                24,
                2,
                OptionalDouble.of(0.5),
                Optional.of(new RowThresholds(1, 2, Float.POSITIVE_INFINITY))));
    Optional<Perplexities> both =
        Optional.of(
            new Perplexities(12.345, Double.POSITIVE_INFINITY, Optional.empty(), Optional.empty()));
    assertThat(Files.readString(written("overflowed.html", overflowed, both)))
        .contains("<dd>12.35 → too large</dd>", "<td>2.000</td><td>too large</td>")
        .doesNotContain("Infinity", "NaN");
  }
}
