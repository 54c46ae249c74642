package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** One command measures what several runs of {@code prune} and {@code perplexity} would. */
class CompareCommandTest {
  private static final Path LLAMA = TestData.fixture("llama-gqa").resolve("model");
  private static final Path TOKENS = TestData.fixture("llama-gqa").resolve("tokens.json");

  @TempDir Path directory;

  private Ended compare(Object... more) {
    return InProcess.line(
        "compare --model %s --calibration %s --text %s --backend cpu --quiet",
        LLAMA, TOKENS, TOKENS, more);
  }

  /** The golden figures are of the original Wanda code. */
  @Test
  void givesTheFiguresOfTheOriginalCode() throws IOException {
    Path golden = TestData.GOLDEN;
    JsonNode expected = TestData.json(golden.resolve("results.json"));
    Ended result =
        InProcess.line(
            "compare --model %s --calibration %s --text %s --sparsity 0.5 --backend cpu "
                + "--json --quiet",
            TestData.TINY_LLAMA,
            golden.resolve("calibration.json"),
            golden.resolve("evaluation.json"));
    JsonNode compared = result.succeeds().json();
    assertThat(compared.at("/dense/perplexity").asDouble())
        .isCloseTo(expected.get("dense_perplexity").asDouble(), within(1e-3));
    String[] methods = {"wanda", "magnitude"};
    for (int run = 0; run < methods.length; run++) {
      JsonNode found = compared.get("runs").get(run);
      assertThat(found.get("method").asText()).isEqualTo(methods[run]);
      assertThat(found.get("perplexity").asDouble())
          .isCloseTo(expected.at("/" + methods[run] + "-50/perplexity").asDouble(), within(1e-2));
    }
    double wanda = compared.at("/runs/0/relative_error").asDouble();
    assertThat(wanda).isPositive().isLessThan(compared.at("/runs/1/relative_error").asDouble());
  }

  @ParameterizedTest
  @CsvSource({
    "wanda, --sparsity, 0.4", "magnitude, --sparsity, 0.4", "magnitude, --pattern, 2:4",
    "ria, --sparsity, 0.5", "sparsegpt, --pattern, 2:4", "wanda+swaps+reconstruct, --sparsity, 0.5"
  })
  void masksAndModelAreThoseOfPrune(String method, String option, String amount)
      throws IOException {
    JsonNode run =
        compare("--methods", method, option, amount, "--json").succeeds().json().get("runs").get(0);
    Path output = directory.resolve("pruned");
    List<Object> words =
        Words.of(
            "prune --model %s --output %s --quiet --method %s %s %s --json",
            LLAMA, output, method.split("\\+")[0], option, amount);
    if (!method.equals("magnitude")) {
      words.addAll(List.of("--calibration", TOKENS));
    }
    if (method.contains("+swaps")) {
      words.addAll(List.of("--refine", "swaps", "--update", "reconstruct"));
    }
    words.addAll(List.of("--backend", "cpu"));
    JsonNode pruned = InProcess.run(words).succeeds().json();
    assertThat(run.get("mask_sha256")).isEqualTo(pruned.get("mask_sha256"));
    assertThat(run.get("zeros").asDouble()).isEqualTo(pruned.get("sparsity").asDouble());
    if (pruned.has("relative_error")) {
      assertThat(run.get("relative_error")).isEqualTo(pruned.get("relative_error"));
    }
    JsonNode perplexity =
        InProcess.line(
                "perplexity --model %s --tokens %s --backend cpu --json --quiet", output, TOKENS)
            .succeeds()
            .json();
    assertThat(run.get("perplexity")).isEqualTo(perplexity.get("perplexity"));
  }

  @Test
  @Thorough
  void tasksAreAnsweredAsByTheModelThatPruneWrites() throws IOException {
    Path golden = TestData.GOLDEN;
    List<Object> asked =
        List.of("--tasks", "openbookqa,piqa", "--data", Path.of("testdata/tasks/hub"));
    List<Object> words =
        Words.of(
            "compare --model %s --calibration %s --samples 4 --text %s --methods magnitude "
                + "--pattern 2:4 --backend cpu --json --quiet",
            TestData.TINY_LLAMA,
            golden.resolve("calibration.json"),
            golden.resolve("evaluation.json"));
    words.addAll(asked);
    JsonNode compared = InProcess.run(words).succeeds().json();
    assertThat(compared.at("/dense/tasks")).isEqualTo(tasks(TestData.TINY_LLAMA, asked));
    Path output = directory.resolve("pruned");
    InProcess.line(
            "prune --model %s --method magnitude --pattern 2:4 --output %s --backend cpu "
                + "--json --quiet",
            TestData.TINY_LLAMA, output)
        .succeeds();
    assertThat(compared.at("/runs/0/tasks")).isNotEmpty().isEqualTo(tasks(output, asked));
    words.remove("--json");
    List<String> lines = InProcess.run(words).out().lines().toList();
    assertThat(lines.get(0)).endsWith("accuracy");
    double mean =
        (compared.at("/runs/0/tasks/openbookqa/accuracy").asDouble()
                + compared.at("/runs/0/tasks/piqa/accuracy").asDouble())
            / 2;
    assertThat(lines.get(2)).endsWith(" %.4f".formatted(mean));
  }

  private JsonNode tasks(Path model, List<Object> asked) throws IOException {
    List<Object> words = Words.of("evaluate --model %s --backend cpu --json --quiet", model);
    words.addAll(asked);
    return InProcess.run(words).succeeds().json().get("tasks");
  }

  @Test
  void printsARowForEachRun() {
    Ended result = compare("--methods", "wanda,ria", "--sparsity", "0.3,0.6");
    assertThat(result.out().lines().map(line -> line.split(" {2,}")[0]))
        .containsExactly("method", "dense", "wanda", "wanda", "ria", "ria");
    assertThat(result.err()).isEmpty();
  }

  /** Interrupts whoever prints the last of so many lines. */
  private static final class InterruptingStream extends OutputStream {
    private int left;

    InterruptingStream(int lines) {
      left = lines;
    }

    @Override
    public void write(int value) {
      if (value == '\n' && --left == 0) {
        Thread.currentThread().interrupt();
      }
    }
  }

  static int interrupted(int lines, Object... words) {
    try {
      return InProcess.to(new InterruptingStream(lines), words).exitCode();
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  private Object[] words(Path report, String... more) {
    List<Object> words =
        Words.of(
            "compare --model %s --calibration %s --text %s --backend cpu --quiet --report %s",
            LLAMA, TOKENS, TOKENS, report, more);
    return words.toArray();
  }

  /** The first line is the heading, the second the dense model's. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5})
  void anInterruptedComparisonGoesOn(int lines) throws IOException {
    Path report = directory.resolve("report.json");
    Path kept = directory.resolve("report.json.unfinished");
    String[] runs = {"--methods", "wanda,ria", "--sparsity", "0.3,0.6"};
    JsonNode whole =
        compare("--methods", runs[1], "--sparsity", runs[3], "--json").succeeds().json();
    assertThat(interrupted(lines, words(report, runs))).isEqualTo(130);
    assertThat(report).doesNotExist();
    List<String> done = lines == 1 ? List.of() : Files.readAllLines(kept);
    // One of what was measured with, and one of the dense model.
    assertThat(done).hasSize(lines == 1 ? 0 : lines);
    String[] again = Arrays.copyOf(runs, runs.length + 1);
    again[runs.length] = "--resume";
    InProcess.run(words(report, again)).succeeds();
    assertThat(kept).doesNotExist();
    JsonNode resumed = TestData.json(report);
    assertThat(resumed.get("command").get(0).asText()).isEqualTo("compare");
    assertThat(resumed.get("inputs").get("calibration_sha256").asText()).hasSize(64);
    assertThat(resumed.get("inputs").get("text").get("file").asText()).isEqualTo(TOKENS.toString());
    assertThat(resumed.get("dense")).isEqualTo(whole.get("dense"));
    for (int run = 0; run < 4; run++) {
      for (String key : List.of("method", "perplexity", "mask_sha256", "relative_error")) {
        assertThat(resumed.at("/runs/" + run + "/" + key))
            .isEqualTo(whole.at("/runs/" + run + "/" + key));
      }
    }
    // What was done isn't done again: it keeps its time.
    for (int run = 0; run + 2 < done.size(); run++) {
      assertThat(done.get(run + 2))
          .contains("\"seconds\":" + resumed.at("/runs/" + run + "/seconds").asText());
    }
  }

  @Test
  void anothersRunsArentTaken() throws IOException {
    Path report = directory.resolve("report.html");
    assertThat(interrupted(3, words(report, "--sparsity", "0.3,0.6"))).isEqualTo(130);
    compare("--report", report, "--resume", "--include", "q_proj")
        .fails(2, "holds runs of another comparison: --include");
    Ended anew = compare("--report", report);
    anew.fails(2, "--resume goes on with it, --overwrite begins anew");
    Files.writeString(directory.resolve("report.html.unfinished"), "mine");
    compare("--report", report).fails(2, "expected nothing, or the runs of a comparison");
    assertThat(directory.resolve("report.html.unfinished")).hasContent("mine");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "--methods wanda,wanda | 'wanda' is given twice",
        "--sparsity 0.5,0.50 | is given twice",
        "--methods masks | found 'masks'",
        "--methods wanda+swap | found 'wanda+swap'",
        "--methods wanda+reconstruct+swaps | found 'wanda+reconstruct'",
        "--methods sparsegpt+swaps | expected a method that keeps weights as they are",
        "--methods wanda-variant --pattern 2:4 | expected a sparsity, found the pattern 2:4",
        "--sparsity 1.5 | found 1.5",
        "--resume | --resume goes with --report",
        "--tasks nonsense --data . | nonsense",
        "--tasks boolq | --data",
        "--limit 0 | expected at least 1, found 0",
        "--report page.pdf | expected a name that ends in .json or .html"
      })
  void wrongOptionsAreRefused(String options, String said) {
    Ended result = compare((Object[]) options.split(" "));
    result.fails(2, said);
    assertThat(result.out()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"compare", "prune"})
  void aPatternThatDoesntFitNamesWhatToLeaveOut(String command) {
    List<Object> words =
        Words.of(
            "%s --model %s --calibration %s --samples 1 --pattern 32:64 --backend cpu "
                + "--dry-run",
            command, TestData.TINY_LLAMA, TestData.GOLDEN.resolve("calibration.json"));
    words.addAll(
        command.equals("prune")
            ? List.of("--output", directory.resolve("out"))
            : List.of("--text", TestData.GOLDEN.resolve("evaluation.json")));
    Ended result = InProcess.run(words);
    assertThat(result.exitCode()).isEqualTo(3);
    String exclude = "model.layers.\\d+.mlp.down_proj";
    assertThat(result.err())
        .contains("a multiple of 64 for pattern 32:64, found 352")
        .endsWith("leave it out with --exclude '" + exclude + "'\n");
    words.addAll(List.of("--exclude", exclude));
    InProcess.run(words).succeeds();
  }

  @Test
  void aDryRunSaysHowLongItTakes() throws IOException {
    Path report = directory.resolve("report.json");
    Ended result = compare("--dry-run", "--pattern", "2:4,4:8", "--report", report);
    List<String> lines = result.out().lines().toList();
    assertThat(lines.subList(0, 4))
        .containsExactly("wanda 2:4", "wanda 4:8", "magnitude 2:4", "magnitude 4:8");
    assertThat(lines.get(4)).matches("4 runs, about \\d+ s \\(\\d+ to \\d+ s\\)");
    assertThat(report).doesNotExist();
    JsonNode more =
        compare(
                "--dry-run", "--json",
                "--methods", "wanda,magnitude,sparsegpt+reconstruct",
                "--sparsity", "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8")
            .succeeds()
            .json();
    assertThat(more.get("runs")).hasSize(24);
    assertThat(more.get("seconds").asDouble())
        .isBetween(more.get("seconds_least").asDouble(), more.get("seconds_most").asDouble());
  }
}
