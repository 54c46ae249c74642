package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The commands as processes: results, streams, exit codes. */
class CommandLineIT {
  private static final Path MODEL = TestData.TINY_LLAMA;
  private static final Path STATISTICS = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");
  private static final JsonNode RESULTS = TestData.json(TestData.GOLDEN.resolve("results.json"));
  private static final Path TEXT = Path.of("testdata/text/calibration.txt");

  @TempDir Path directory;

  private static List<String> fields(JsonNode object) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  /** Its classes take a short command 0.15 s. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "inspect --model %s",
        "prune --model %s --statistics %s --output %s --backend cpu"
      })
  void noCommandSetsUpAnObjectMapper(String line) {
    Path loaded = directory.resolve("loaded");
    Command.jar(Words.of(line.formatted(MODEL, STATISTICS, directory.resolve("out"))))
        .withOptions("-Xlog:class+load:file=" + loaded)
        .run()
        .succeeds();
    assertThat(loaded)
        .content()
        .contains("io.github.wandacuda.io.JsonTree ")
        .doesNotContain("jackson.databind.ObjectMapper ");
  }

  @Test
  void pruneFromStatistics() {
    Path output = directory.resolve("out");
    Ended result =
        Cli.line("prune --model %s --statistics %s --output %s --json", MODEL, STATISTICS, output)
            .succeeds();
    JsonNode json = result.json();
    assertThat(fields(json))
        .containsExactly(
            """
            output method backend device precision modules pruned sparsity dead_columns
            zero_rows seconds peak_rss_bytes peak_anonymous_bytes mask_sha256\
            """
                .split("\\s+"));
    assertThat(fields(json.get("seconds"))).contains("total", "calibrate", "select", "read_write");
    assertThat(json.get("mask_sha256")).isEqualTo(RESULTS.get("wanda-50").get("mask_sha256"));
    assertThat(json.get("modules").intValue()).isEqualTo(42);
    assertThat(json.get("pruned").longValue()).isEqualTo(552_960);
    assertThat(json.get("sparsity").doubleValue()).isEqualTo(0.5);

    Ended inspect = Cli.line("inspect --model %s --json --quiet", output);
    assertThat(inspect.err()).isEmpty();
    assertThat(fields(inspect.json()))
        .containsExactly(
            """
            model_type architecture parameters bytes calibrated_run obstacle parts prunable zeros
            sparsity formats modules\
            """
                .split("\\s+"));
    assertThat(inspect.json().get("zeros").longValue()).isEqualTo(552_960);
    assertThat(fields(inspect.json().get("modules").get(0)))
        .containsExactly("name", "dtype", "rows", "columns", "zeros", "sparsity", "patterns");

    Ended verify = Cli.line("verify --dense %s --pruned %s --json", MODEL, output).succeeds();
    assertThat(verify.json().get("verified").booleanValue()).isTrue();
    assertThat(verify.json().get("failures")).isEmpty();

    Ended wrong = Cli.line("verify --dense %s --pruned %s --pattern 2:4 --json", MODEL, output);
    assertThat(wrong.exitCode()).isEqualTo(5);
    assertThat(wrong.json().get("verified").booleanValue()).isFalse();
    assertThat(wrong.json().get("failures")).isNotEmpty();
    assertThat(wrong.errorLines()).hasSize(1);
  }

  @Test
  void onlyWhatIsNotQuietWarns() throws IOException {
    Path model = TestData.copy(TestData.fixture("llama-mha").resolve("model"), directory);
    Files.copy(
        MODEL.resolve("model.safetensors.index.json"),
        model.resolve("model.safetensors.index.json"));
    assertThat(Cli.run("inspect", "--model", model).errorLines())
        .singleElement()
        .asString()
        .contains("model.safetensors.index.json is ignored");
    Ended quiet = Cli.line("inspect --model %s --quiet --json", model).succeeds();
    assertThat(quiet.err()).isEmpty();
    assertThat(quiet.out()).startsWith("{");
  }

  @Test
  void calibrateThenPruneThenMeasure() {
    Path statistics = directory.resolve("statistics.safetensors");
    Ended calibrate =
        InProcess.line(
                "calibrate --model %s --calibration %s --samples 16 --sequence-length 64 --output"
                    + " %s --json",
                MODEL, TEXT, statistics)
            .succeeds();
    assertThat(calibrate.json().get("samples").intValue()).isEqualTo(16);

    Path saved = directory.resolve("saved.safetensors");
    Path output = directory.resolve("out");
    Path report = directory.resolve("report.json");
    Ended prune =
        InProcess.line(
                "prune --model %s --calibration %s --samples 16 --sequence-length 64 "
                    + "--save-statistics %s --report %s --output %s",
                MODEL, TEXT, saved, report, output)
            .succeeds();
    assertThat(prune.out()).contains("50.00 %", "sha256");
    assertThat(TestData.bytes(saved).keySet()).isEqualTo(TestData.bytes(statistics).keySet());
    assertThat(TestData.bytes(saved).get("model.layers.0.self_attn.q_proj.input_norm"))
        .as("the first block sees the same in both")
        .isEqualTo(TestData.bytes(statistics).get("model.layers.0.self_attn.q_proj.input_norm"));
    assertThat(TestData.json(report).get("modules")).hasSize(42);

    Path again = directory.resolve("again");
    InProcess.line("prune --model %s --statistics %s --output %s --no-verify", MODEL, saved, again);
    assertThat(TestData.json(again.resolve("wanda-cuda.json")).get("mask_sha256"))
        .as("the norms that a run saved give its masks again")
        .isEqualTo(TestData.json(output.resolve("wanda-cuda.json")).get("mask_sha256"));
  }

  @Test
  @Thorough
  void perplexityOfTokensAndOfText() throws IOException {
    Path few = Files.writeString(directory.resolve("few.json"), "[[1, 2, 3], [4, 5, 6]]");
    JsonNode tokens = InProcess.line("perplexity --model %s --tokens %s --json", MODEL, few).json();
    assertThat(fields(tokens))
        .containsExactly("perplexity", "windows", "tokens", "sequence_length");
    assertThat(tokens.get("windows").intValue()).isEqualTo(2);
    assertThat(tokens.get("tokens").intValue()).isEqualTo(6);
    Ended text =
        InProcess.line(
            "perplexity --model %s --text testdata/text/heldout.txt --sequence-length 128 "
                + "--json",
            MODEL);
    assertThat(text.json().get("sequence_length").intValue()).isEqualTo(128);
    assertThat(text.json().get("tokens").intValue())
        .isEqualTo(128 * text.json().get("windows").intValue());
  }

  @Test
  @Thorough
  void aDryRunWritesNothing() {
    Path output = directory.resolve("out");
    Ended result =
        InProcess.line(
                "prune --model %s --statistics %s --output %s --dry-run --json",
                MODEL, STATISTICS, output)
            .succeeds();
    assertThat(result.json().get("modules")).hasSize(42);
    assertThat(fields(result.json()))
        .contains(
            """
            bytes_to_read bytes_to_write temporary_bytes memory_bytes hidden_state_bytes
            hidden_state_host_bytes memory_bytes_to_save
            estimated_seconds estimated_seconds_least estimated_seconds_most\
            """
                .split("\\s+"));
    assertThat(result.json().get("bytes_to_write").longValue()).isGreaterThan(3_000_000);
    assertThat(result.json().get("estimated_seconds_least").doubleValue()).isPositive();
    assertThat(output).doesNotExist();
  }

  @Test
  @Thorough
  void aModelIsPrunedInPlaceWhenThatIsMeant() {
    Path model = TestData.copy(MODEL, directory.resolve("model"));
    List<Object> words = Words.of("prune --model %s --statistics %s --in-place", model, STATISTICS);
    Cli.run(words).fails(2, "no terminal to ask on", "--yes");
    Directories.assertSame(MODEL, model);

    Ended result = Cli.run(words, "--yes", "--json").succeeds();
    assertThat(result.json().get("mask_sha256"))
        .isEqualTo(RESULTS.get("wanda-50").get("mask_sha256"));
    Cli.line("verify --dense %s --pruned %s", MODEL, model).succeeds();
  }

  @Test
  void devicesListsTheCpu() {
    Ended result = Cli.run("devices", "--json").succeeds();
    assertThat(result.json().get("devices"))
        .anySatisfy(
            device -> {
              assertThat(device.get("backend").asText()).isEqualTo("cpu");
              assertThat(device.get("usable").booleanValue()).isTrue();
            });
    assertThat(Cli.run("devices").out()).containsPattern("(?m)^cpu +0 +yes ");
  }
}
