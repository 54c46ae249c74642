package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code prune --evaluate} says what {@code perplexity} says before and after. */
class EvaluateOptionTest {
  private static final Path TEXT = Path.of("testdata/text/heldout.txt");

  @TempDir Path directory;

  private static double perplexity(Path model) {
    return InProcess.run(
            "perplexity", "--model", model, "--text", TEXT, "--backend", "cpu", "--json", "--quiet")
        .json()
        .get("perplexity")
        .asDouble();
  }

  private static Cli.Result magnitude(Path output, Object... more) {
    Object[] words = {
      "prune",
      "--model",
      TestData.TINY_LLAMA,
      "--method",
      "magnitude",
      "--output",
      output,
      "--backend",
      "cpu"
    };
    return InProcess.run(with(words, more));
  }

  private static Cli.Result prune(Path output, Object... more) {
    return magnitude(output, with(new Object[] {"--evaluate", TEXT, "--quiet"}, more));
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
    Cli.Result shown = prune(directory.resolve("again"), "--report", page);
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
    Cli.Result result = magnitude(output, "--evaluate", directory.resolve("none.txt"));
    assertThat(result.exitCode()).isEqualTo(3);
    assertThat(result.err()).contains("none.txt");
    assertThat(output).doesNotExist();
  }

  @Test
  @Thorough
  void windowsLimitWhatIsMeasured() {
    Object[] words = {
      "perplexity", "--model", TestData.TINY_LLAMA, "--text", TEXT, "--sequence-length", 64
    };
    JsonNode all = InProcess.run(with(words, "--json", "--quiet")).json();
    JsonNode two = InProcess.run(with(words, "--windows", 2, "--json", "--quiet")).json();
    assertThat(all.get("windows").asInt()).isGreaterThan(2);
    assertThat(two.get("windows").asInt()).isEqualTo(2);
    assertThat(two.get("tokens").asInt()).isEqualTo(128);
    assertThat(InProcess.run(with(words, "--windows", 1 << 20, "--json", "--quiet")).json())
        .isEqualTo(all);
    Cli.Result none = InProcess.run(with(words, "--windows", 0));
    assertThat(none.exitCode()).isEqualTo(2);
    assertThat(none.err()).contains("--windows: expected at least 1, found 0");

    Path report = directory.resolve("report.json");
    JsonNode pruned =
        prune(directory.resolve("out"), "--windows", 1, "--json", "--report", report).json();
    JsonNode first =
        InProcess.run(
                "perplexity",
                "--model",
                TestData.TINY_LLAMA,
                "--text",
                TEXT,
                "--windows",
                1,
                "--json",
                "--quiet")
            .json();
    assertThat(pruned.get("perplexity").get("before")).isEqualTo(first.get("perplexity"));
    assertThat(TestData.json(report).get("inputs").get("text").get("windows").asInt()).isOne();
  }

  @Test
  void windowsWithoutATextAreIdle() {
    Cli.Result result = magnitude(directory.resolve("out"), "--windows", 1);
    assertThat(result.err()).contains("--windows");
  }

  private static Object[] with(Object[] words, Object... more) {
    return Stream.concat(Arrays.stream(words), Arrays.stream(more)).toArray();
  }
}
