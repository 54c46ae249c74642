package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code prune} tells: in reports, of perplexity before and after, and of what took time. */
class PruneReportsTest {
  private static final Path CALIBRATION = Path.of("testdata/text/calibration.txt");
  private static final Path LLAMA = TestData.fixture("llama-gqa").resolve("model");
  private static final Path TOKENS = TestData.fixture("llama-gqa").resolve("tokens.json");

  @TempDir static Path texts;
  private static Path text;

  @TempDir Path directory;

  @BeforeAll
  static void writeAFewWindows() throws IOException {
    String whole = Files.readString(Path.of("testdata/text/heldout.txt"));
    text = Files.writeString(texts.resolve("text.txt"), whole.substring(0, 5000));
  }

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
  void aReportHasARecipesStagesAndWhatEachReached() throws IOException {
    Path file = directory.resolve("report.json");
    Path recipe =
        Files.writeString(
            directory.resolve("recipe.yaml"),
            "- modules: mlp\n  sparsity: 0.7\n- modules: q_proj\n  method: magnitude\n");
    InProcess.line(
            "prune --model %s --calibration %s --output %s --recipe %s --report %s --backend cpu",
            LLAMA, TOKENS, directory.resolve("out"), recipe, file)
        .succeeds();
    JsonNode report = TestData.json(file);
    JsonNode stages = report.get("inputs").get("stages");
    assertThat(stages).hasSize(2);
    assertThat(stages.get(0).get("sparsity").asDouble()).isEqualTo(0.7);
    assertThat(report.get("inputs").get("recipe_file").asText()).isEqualTo(recipe.toString());
    // Rows of 32 columns lose 22 of them.
    assertThat(report.get("modules"))
        .filteredOn(module -> module.get("name").asText().endsWith("up_proj"))
        .isNotEmpty()
        .allMatch(module -> module.get("amount").asText().equals("70.00 %"))
        .allMatch(module -> module.get("zeros").asInt() == 22 * module.get("rows").asInt());
  }

  @Test
  @Thorough
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
        Words.of("--method magnitude --packed --evaluate %s --report %s --quiet", text, file);
    prune("packed", packed).succeeds();
    JsonNode report = TestData.json(file);
    assertThat(report.get("modules").get(0).has("row_thresholds")).isTrue();
    JsonNode sample = report.get("sample");
    assertThat(sample.get("prompt").asText()).startsWith("The Amazon carries more water");
    assertThat(sample.get("before").asText())
        .isNotEmpty()
        .isNotEqualTo(sample.get("after").asText());
    assertThat(report.get("inputs").get("text").get("file").asText()).isEqualTo(text.toString());
    assertThat(report.get("inputs").get("text").get("sha256").asText()).hasSize(64);
  }

  private static double perplexity(Path model) {
    return InProcess.line(
            "perplexity --model %s --text %s --backend cpu --json --quiet", model, text)
        .json()
        .get("perplexity")
        .asDouble();
  }

  private static Ended magnitude(Path output, Object... more) {
    return InProcess.line(
        "prune --model %s --method magnitude --output %s --backend cpu",
        TestData.TINY_LLAMA, output, more);
  }

  private static Ended evaluated(Path output, Object... more) {
    return magnitude(output, "--evaluate", text, "--quiet", more);
  }

  @Test
  @Thorough
  void theResultAndTheReportHaveBoth() throws IOException {
    Path output = directory.resolve("out");
    Path report = directory.resolve("report.json");
    JsonNode result = evaluated(output, "--json", "--report", report).json();
    JsonNode both = result.get("perplexity");
    assertThat(both.get("before").asDouble()).isEqualTo(perplexity(TestData.TINY_LLAMA));
    assertThat(both.get("after").asDouble())
        .isGreaterThan(both.get("before").asDouble())
        .isEqualTo(perplexity(output));
    assertThat(TestData.json(report).get("perplexity")).isEqualTo(both);
    JsonNode judged =
        InProcess.line(
                "perplexity --model %s --dense %s --text %s --json --quiet",
                output, TestData.TINY_LLAMA, text)
            .json();
    assertThat(judged.get("dense_perplexity")).isEqualTo(both.get("before"));
    for (String figure : List.of("kl", "top1_agreement")) {
      assertThat(result.get(figure)).isEqualTo(judged.get(figure));
      assertThat(TestData.json(report).get(figure)).isEqualTo(judged.get(figure));
    }
    Path page = directory.resolve("report.html");
    Ended shown = evaluated(directory.resolve("again"), "--report", page);
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
  @Thorough
  void windowsLimitWhatIsMeasured() {
    List<Object> words =
        Words.of("perplexity --model %s --text %s --sequence-length 64", TestData.TINY_LLAMA, text);
    JsonNode all = InProcess.run(words, "--json", "--quiet").json();
    JsonNode two = InProcess.run(words, "--windows", 2, "--json", "--quiet").json();
    assertThat(all.get("windows").asInt()).isGreaterThan(2);
    assertThat(two.get("windows").asInt()).isEqualTo(2);
    assertThat(two.get("tokens").asInt()).isEqualTo(128);
    assertThat(InProcess.run(words, "--windows", 1 << 20, "--json", "--quiet").json())
        .isEqualTo(all);

    Path report = directory.resolve("report.json");
    JsonNode pruned =
        evaluated(directory.resolve("out"), "--windows", 1, "--json", "--report", report).json();
    JsonNode first =
        InProcess.line(
                "perplexity --model %s --text %s --windows 1 --json --quiet",
                TestData.TINY_LLAMA, text)
            .json();
    assertThat(pruned.get("perplexity").get("before")).isEqualTo(first.get("perplexity"));
    assertThat(TestData.json(report).get("inputs").get("text").get("windows").asInt()).isOne();
  }

  private static JsonNode run(Object... words) {
    return InProcess.run(words).succeeds().json();
  }

  private static void assertAddUp(JsonNode seconds) {
    double sum = 0;
    for (JsonNode phase : seconds) {
      assertThat(phase.doubleValue()).as("%s", seconds).isGreaterThan(-1e-6);
      sum += phase.doubleValue();
    }
    assertThat(sum).isCloseTo(2 * seconds.get("total").doubleValue(), within(1e-6));
  }

  @Test
  void thePhasesOfARunAddUpToItsTime() throws IOException {
    Path report = directory.resolve("report.json");
    JsonNode seconds =
        InProcess.line(
                "prune --model %s --calibration %s --output %s --allocation atp --evaluate %s"
                    + " --report %s --backend cpu --json",
                LLAMA, TOKENS, directory.resolve("pruned"), TOKENS, report)
            .succeeds()
            .json()
            .get("seconds");
    for (String phase : new String[] {"start", "allocate", "calibrate", "verify", "evaluate"}) {
      assertThat(seconds.get(phase).doubleValue()).as(phase).isPositive();
    }
    assertAddUp(seconds);
    assertAddUp(TestData.json(report).get("seconds_by_phase"));
  }

  @Test
  void thePhasesOfAGenerationAddUpToItsTime() throws IOException {
    Path prompt = Files.writeString(directory.resolve("prompt.json"), "[1, 2, 3]");
    assertAddUp(
        run("generate", "--model", LLAMA, "--prompt-tokens", prompt, "--tokens", 2, "--json")
            .get("seconds"));
  }
}
