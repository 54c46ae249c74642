package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.ProcessOutcome;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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

  @Test
  void pruneFromStatistics() {
    Path output = directory.resolve("out");
    Cli.Result result =
        Cli.run(
            "prune", "--model", MODEL, "--statistics", STATISTICS, "--output", output, "--json");
    assertThat(result.exitCode()).as(result.err()).isZero();
    JsonNode json = result.json();
    assertThat(fields(json))
        .containsExactly(
            "output",
            "method",
            "backend",
            "device",
            "precision",
            "modules",
            "pruned",
            "sparsity",
            "dead_columns",
            "zero_rows",
            "seconds",
            "peak_rss_bytes",
            "peak_anonymous_bytes",
            "mask_sha256");
    assertThat(fields(json.get("seconds"))).contains("total", "calibrate", "select", "read_write");
    assertThat(json.get("mask_sha256")).isEqualTo(RESULTS.get("wanda-50").get("mask_sha256"));
    assertThat(json.get("modules").intValue()).isEqualTo(42);
    assertThat(json.get("pruned").longValue()).isEqualTo(552_960);
    assertThat(json.get("sparsity").doubleValue()).isEqualTo(0.5);

    Cli.Result inspect = Cli.run("inspect", "--model", output, "--json", "--quiet");
    assertThat(inspect.err()).isEmpty();
    assertThat(fields(inspect.json()))
        .containsExactly(
            "model_type",
            "architecture",
            "parameters",
            "bytes",
            "calibrated_run",
            "obstacle",
            "prunable",
            "zeros",
            "sparsity",
            "modules");
    assertThat(inspect.json().get("zeros").longValue()).isEqualTo(552_960);
    assertThat(fields(inspect.json().get("modules").get(0)))
        .containsExactly("name", "dtype", "rows", "columns", "zeros", "sparsity", "patterns");

    Cli.Result verify = Cli.run("verify", "--dense", MODEL, "--pruned", output, "--json");
    assertThat(verify.exitCode()).isZero();
    assertThat(verify.json().get("verified").booleanValue()).isTrue();
    assertThat(verify.json().get("failures")).isEmpty();

    Cli.Result wrong =
        Cli.run("verify", "--dense", MODEL, "--pruned", output, "--pattern", "2:4", "--json");
    assertThat(wrong.exitCode()).isEqualTo(5);
    assertThat(wrong.json().get("verified").booleanValue()).isFalse();
    assertThat(wrong.json().get("failures")).isNotEmpty();
    assertThat(wrong.errorLines()).hasSize(1);
  }

  @Test
  void patternsShowInInspect() {
    Path output = directory.resolve("out");
    Path statistics = TestData.GOLDEN.resolve("wanda-2of4.statistics.safetensors");
    Cli.run(
        "prune",
        "--model",
        MODEL,
        "--statistics",
        statistics,
        "--pattern",
        "2:4",
        "--output",
        output);
    Cli.Result inspect = Cli.run("inspect", "--model", output, "--json");
    for (JsonNode module : inspect.json().get("modules")) {
      assertThat(module.get("patterns").toString()).isEqualTo("[\"2:4\",\"4:8\"]");
    }
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
    List<String> quiet = Cli.command("inspect", "--model", model, "--quiet", "--json").command();
    ProcessOutcome outcome = ProcessOutcome.of(quiet, 60);
    assertThat(outcome.exitCode()).isZero();
    assertThat(outcome.output()).startsWith("{");
  }

  @Test
  void calibrateThenPruneThenMeasure() {
    Path statistics = directory.resolve("statistics.safetensors");
    Cli.Result calibrate =
        Cli.run(
            "calibrate",
            "--model",
            MODEL,
            "--calibration",
            TEXT,
            "--samples",
            16,
            "--sequence-length",
            64,
            "--output",
            statistics,
            "--json");
    assertThat(calibrate.exitCode()).as(calibrate.err()).isZero();
    assertThat(calibrate.json().get("samples").intValue()).isEqualTo(16);

    Path saved = directory.resolve("saved.safetensors");
    Path output = directory.resolve("out");
    Path report = directory.resolve("report.json");
    Cli.Result prune =
        Cli.run(
            "prune",
            "--model",
            MODEL,
            "--calibration",
            TEXT,
            "--samples",
            16,
            "--sequence-length",
            64,
            "--save-statistics",
            saved,
            "--report",
            report,
            "--output",
            output);
    assertThat(prune.exitCode()).as(prune.err()).isZero();
    assertThat(prune.out()).contains("50.00 %", "sha256");
    assertThat(TestData.bytes(saved).keySet()).isEqualTo(TestData.bytes(statistics).keySet());
    assertThat(TestData.bytes(saved).get("model.layers.0.self_attn.q_proj.input_norm"))
        .as("the first block sees the same in both")
        .isEqualTo(TestData.bytes(statistics).get("model.layers.0.self_attn.q_proj.input_norm"));
    assertThat(TestData.json(report).get("modules")).hasSize(42);

    Path again = directory.resolve("again");
    Cli.run("prune", "--model", MODEL, "--statistics", saved, "--output", again, "--no-verify");
    assertThat(TestData.json(again.resolve("wanda-cuda.json")).get("mask_sha256"))
        .as("the norms that a run saved give its masks again")
        .isEqualTo(TestData.json(output.resolve("wanda-cuda.json")).get("mask_sha256"));
  }

  @Test
  void perplexityOfTokensAndOfText() {
    Cli.Result tokens =
        Cli.run(
            "perplexity",
            "--model",
            MODEL,
            "--tokens",
            TestData.GOLDEN.resolve("evaluation.json"),
            "--json");
    assertThat(fields(tokens.json()))
        .containsExactly("perplexity", "windows", "tokens", "sequence_length");
    double expected = RESULTS.get("dense_perplexity").doubleValue();
    assertThat(tokens.json().get("perplexity").doubleValue())
        .isCloseTo(expected, within(0.001 * expected));
    assertThat(tokens.json().get("windows").intValue()).isEqualTo(32);
    assertThat(tokens.json().get("tokens").intValue()).isEqualTo(32 * 256);

    Cli.Result text =
        Cli.run(
            "perplexity",
            "--model",
            MODEL,
            "--text",
            "testdata/text/heldout.txt",
            "--sequence-length",
            128,
            "--json");
    assertThat(text.json().get("sequence_length").intValue()).isEqualTo(128);
    assertThat(text.json().get("tokens").intValue())
        .isEqualTo(128 * text.json().get("windows").intValue());
  }

  @Test
  void aDryRunWritesNothing() {
    Path output = directory.resolve("out");
    Cli.Result result =
        Cli.run(
            "prune",
            "--model",
            MODEL,
            "--statistics",
            STATISTICS,
            "--output",
            output,
            "--dry-run",
            "--json");
    assertThat(result.exitCode()).isZero();
    assertThat(result.json().get("modules")).hasSize(42);
    assertThat(fields(result.json()))
        .contains(
            "bytes_to_read",
            "bytes_to_write",
            "temporary_bytes",
            "memory_bytes",
            "hidden_state_bytes",
            "hidden_state_host_bytes",
            "memory_bytes_to_save",
            "bus_bytes_up",
            "bus_bytes_down",
            "estimated_seconds",
            "estimated_seconds_least",
            "estimated_seconds_most");
    assertThat(result.json().get("bytes_to_write").longValue()).isGreaterThan(3_000_000);
    assertThat(result.json().get("estimated_seconds_least").doubleValue()).isPositive();
    assertThat(output).doesNotExist();
  }

  @Test
  void aModelIsPrunedInPlaceWhenThatIsMeant() {
    Path model = TestData.copy(MODEL, directory.resolve("model"));
    Object[] words = {"prune", "--model", model, "--statistics", STATISTICS, "--in-place"};
    Cli.Result asked = Cli.run(words);
    assertThat(asked.exitCode()).isEqualTo(2);
    assertThat(asked.err()).contains("no terminal to ask on", "--yes");
    Directories.assertSame(MODEL, model);

    List<Object> sure = new ArrayList<>(List.of(words));
    sure.addAll(List.of("--yes", "--json"));
    Cli.Result result = Cli.run(sure.toArray());
    assertThat(result.exitCode()).as(result.err()).isZero();
    assertThat(result.json().get("mask_sha256"))
        .isEqualTo(RESULTS.get("wanda-50").get("mask_sha256"));
    assertThat(Cli.run("verify", "--dense", MODEL, "--pruned", model).exitCode()).isZero();
  }

  @Test
  void aFinishedOutputIsResumedByDoingNothing() {
    Path output = directory.resolve("out");
    Object[] words = {
      "prune",
      "--model",
      MODEL,
      "--statistics",
      STATISTICS,
      "--output",
      output,
      "--resume",
      "--json"
    };
    Cli.Result first = Cli.run(words);
    assertThat(first.exitCode()).as(first.err()).isZero();
    Cli.Result second = Cli.run(words);
    assertThat(second.exitCode()).as(second.err()).isZero();
    for (String field : List.of("modules", "pruned", "sparsity", "mask_sha256")) {
      assertThat(second.json().get(field)).isEqualTo(first.json().get(field));
    }
  }

  @Test
  void noResultReplacesAFileThatIsRead() {
    Path model = TestData.copy(MODEL, directory.resolve("model"));
    Path shard = model.resolve("model-00001-of-00003.safetensors");
    Path output = directory.resolve("out");
    for (Path file : List.of(shard, output.resolve("report.json"))) {
      Cli.Result result =
          Cli.run(
              "prune",
              "--model",
              model,
              "--statistics",
              STATISTICS,
              "--output",
              output,
              "--save-statistics",
              file);
      assertThat(result.exitCode()).as(result.err()).isEqualTo(2);
      assertThat(result.err()).contains("--save-statistics", file.toString());
    }
    Directories.assertSame(MODEL, model);
    assertThat(output).doesNotExist();
  }

  @Test
  void devicesListsTheCpu() {
    Cli.Result result = Cli.run("devices", "--json");
    assertThat(result.exitCode()).isZero();
    assertThat(result.json().get("devices"))
        .anySatisfy(
            device -> {
              assertThat(device.get("backend").asText()).isEqualTo("cpu");
              assertThat(device.get("usable").booleanValue()).isTrue();
            });
    assertThat(Cli.run("devices").out()).containsPattern("(?m)^cpu +0 +yes ");
  }

  @Test
  void theSameRunWritesTheSameBytesForAnyNumberOfThreads() throws IOException {
    for (int threads : new int[] {1, 2}) {
      Cli.run(
          "prune",
          "--model",
          MODEL,
          "--calibration",
          TEXT,
          "--samples",
          4,
          "--sequence-length",
          96,
          "--threads",
          threads,
          "--output",
          directory.resolve("out" + threads));
    }
    for (String file : TestData.names(directory.resolve("out1"))) {
      Path one = directory.resolve("out1").resolve(file);
      Path two = directory.resolve("out2").resolve(file);
      assertThat(Files.mismatch(one, two)).as(file).isEqualTo(-1);
    }
  }

  @Test
  void helpNamesEveryCommand() {
    Cli.Result help = Cli.run("--help");
    assertThat(help.exitCode()).isZero();
    assertThat(help.out())
        .contains(
            "prune",
            "calibrate",
            "perplexity",
            "inspect",
            "verify",
            "merge-lora",
            "pack",
            "unpack",
            "devices")
        .contains("143");
    assertThat(Cli.run("prune", "--help").out()).contains("--sparsity", "--pattern", "--include");
  }
}
