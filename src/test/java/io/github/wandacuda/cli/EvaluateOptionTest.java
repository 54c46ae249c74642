package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code prune --evaluate} says what {@code perplexity} says before and after. */
class EvaluateOptionTest {
  private static final Path TEXT = Path.of("testdata/text/heldout.txt");

  @TempDir Path directory;

  private static double perplexity(Path model) {
    return InProcess.line(
            "perplexity --model %s --text %s --backend cpu --json --quiet", model, TEXT)
        .json()
        .get("perplexity")
        .asDouble();
  }

  private static Ended magnitude(Path output, Object... more) {
    return InProcess.line(
        "prune --model %s --method magnitude --output %s --backend cpu",
        TestData.TINY_LLAMA, output, more);
  }

  private static Ended prune(Path output, Object... more) {
    return magnitude(output, "--evaluate", TEXT, "--quiet", more);
  }

  @Test
  void theResultAndTheReportHaveBoth() throws IOException {
    Path output = directory.resolve("out");
    Path report = directory.resolve("report.json");
    JsonNode result = prune(output, "--json", "--report", report).json();
    JsonNode both = result.get("perplexity");
    assertThat(both.get("before").asDouble()).isEqualTo(perplexity(TestData.TINY_LLAMA));
    assertThat(both.get("after").asDouble())
        .isGreaterThan(both.get("before").asDouble())
        .isEqualTo(perplexity(output));
    assertThat(TestData.json(report).get("perplexity")).isEqualTo(both);
    Path page = directory.resolve("report.html");
    Ended shown = prune(directory.resolve("again"), "--report", page);
    String line =
        "perplexity %.4f before, %.4f after"
            .formatted(both.get("before").asDouble(), both.get("after").asDouble());
    assertThat(shown.out()).contains(line);
    assertThat(Files.readString(page))
        .contains(
            "<dt>Perplexity</dt><dd>%.2f → %.2f</dd>"
                .formatted(both.get("before").asDouble(), both.get("after").asDouble()));
  }

  @Test
  void aTextThatIsMissingStopsTheRunBeforeItBegins() {
    Path output = directory.resolve("out");
    magnitude(output, "--evaluate", directory.resolve("none.txt")).fails(3, "none.txt");
    assertThat(output).doesNotExist();
  }

  @Test
  @Thorough
  void windowsLimitWhatIsMeasured() {
    List<Object> words =
        Words.of("perplexity --model %s --text %s --sequence-length 64", TestData.TINY_LLAMA, TEXT);
    JsonNode all = InProcess.run(words, "--json", "--quiet").json();
    JsonNode two = InProcess.run(words, "--windows", 2, "--json", "--quiet").json();
    assertThat(all.get("windows").asInt()).isGreaterThan(2);
    assertThat(two.get("windows").asInt()).isEqualTo(2);
    assertThat(two.get("tokens").asInt()).isEqualTo(128);
    assertThat(InProcess.run(words, "--windows", 1 << 20, "--json", "--quiet").json())
        .isEqualTo(all);
    InProcess.run(words, "--windows", 0).fails(2, "--windows: expected at least 1, found 0");

    Path report = directory.resolve("report.json");
    JsonNode pruned =
        prune(directory.resolve("out"), "--windows", 1, "--json", "--report", report).json();
    JsonNode first =
        InProcess.line(
                "perplexity --model %s --text %s --windows 1 --json --quiet",
                TestData.TINY_LLAMA, TEXT)
            .json();
    assertThat(pruned.get("perplexity").get("before")).isEqualTo(first.get("perplexity"));
    assertThat(TestData.json(report).get("inputs").get("text").get("windows").asInt()).isOne();
  }

  @Test
  void windowsWithoutATextAreIdle() {
    Ended result = magnitude(directory.resolve("out"), "--windows", 1);
    assertThat(result.err()).contains("--windows");
  }
}
