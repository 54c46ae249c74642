package io.github.wandacuda.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.compare.ComparedRun;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page of a comparison and its numbers say the same. */
class ComparisonReportTest {
  private static final RunFacts FACTS =
      new RunFacts(
          Path.of("model"),
          "1.0",
          "cpu",
          "one",
          "float32",
          Instant.EPOCH,
          List.of("compare"),
          Map.of("seed", 0));

  @TempDir Path directory;

  private Path written(String name) {
    Path file = directory.resolve(name);
    AtomicWrite.replace(file, ComparedRuns.report().content(file, FACTS));
    return file;
  }

  @Test
  void everyNumberOfThePageIsInItsTwin() throws IOException {
    JsonNode numbers = TestData.json(written("report.json"));
    String page = Files.readString(written("report.html"));
    assertThat(TwinNumbers.shown(page)).hasSizeGreaterThan(60);
    assertThat(TwinNumbers.of(numbers)).containsAll(TwinNumbers.shown(page));
    assertThat(ReportFormat.isOne(written("again.json"))).isTrue();
    assertThat(ReportFormat.isOne(written("again.html"))).isTrue();
  }

  /** All runs reached the same, whatever was asked for. */
  @Test
  void pointsStandAtTheSparsityThatWasReached() throws IOException {
    String page = Files.readString(written("report.html"));
    String chart = page.substring(page.indexOf("<title>Perplexity by sparsity</title>"));
    Set<String> across =
        Pattern.compile("translate\\((\\S+) \\S+\\)\">[^\\n]*?<title>wanda, ")
            .matcher(chart.substring(0, chart.indexOf("</svg>")).replace("<g ", "\n<g "))
            .results()
            .map(point -> point.group(1))
            .collect(Collectors.toSet());
    assertThat(across).hasSize(1);
  }

  @Test
  void theFirstSentenceSaysWhatDidBestAtEachAmount() throws IOException {
    assertThat(Files.readString(written("report.html")))
        .contains(
            "<p class=\"verdict\">Of 12 runs wanda did best at 30 % (perplexity 50.00), wanda did best"
                + " at 50 % (perplexity 70.00), wanda did best at 70 % (perplexity 90.00), wanda did"
                + " best at 2:4 (perplexity 1000.00); the dense model has 9.50, so try what comes"
                + " near enough on a task of your own.");
  }

  /** Each run has as many zeros in all blocks, however the runs differ. */
  @Test
  void aChartOfLevelLinesOfZerosIsLeftOut() {
    BlockChart level = new BlockChart();
    BlockChart rising = new BlockChart();
    for (int block = 0; block < 4; block++) {
      level.add("wanda", block, 29.72);
      level.add("magnitude", block, 30.07 + 0.01 * block);
      rising.add("wanda", block, 29.72);
      rising.add("atp", block, 25 + block);
    }
    assertThat(level.isLevel()).isTrue();
    assertThat(rising.isLevel()).isFalse();
  }

  @Test
  void namesAreNoMarkup() throws IOException {
    assertThat(Files.readString(written("report.html")))
        .contains("&lt;/script&gt;")
        .doesNotContain("<b>", "${")
        .containsOnlyOnce("</script>");
  }

  @Test
  void aRunIsReadAsItWasWritten() {
    JsonNode numbers = TestData.json(written("report.json"));
    for (int run = 0; run < ComparedRuns.report().runs().size(); run++) {
      assertThat(ComparedRun.of(numbers.get("runs").get(run)))
          .isEqualTo(ComparedRuns.report().runs().get(run));
    }
  }
}
