package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Methods beyond Wanda and magnitude on the command line: masks in files, recipes, allocations. */
class MethodsCommandTest {
  private static final Path MODEL = TestData.fixture("llama-gqa").resolve("model");
  private static final Path TOKENS = TestData.fixture("llama-gqa").resolve("tokens.json");

  @TempDir Path directory;

  private Ended prune(String output, Object... more) {
    return InProcess.line(
        "prune --model %s --output %s --json --backend cpu --quiet",
        MODEL, directory.resolve(output), more);
  }

  private Ended calibrated(String output, Object... more) {
    List<Object> words = Words.of("--calibration %s", TOKENS, more);
    Ended result = prune(output, words.toArray()).succeeds();
    InProcess.line("verify --dense %s --pruned %s", MODEL, directory.resolve(output)).succeeds();
    return result;
  }

  private JsonNode record(String output) {
    return TestData.json(directory.resolve(output).resolve("wanda-cuda.json"));
  }

  private Path file(String name, String content) throws IOException {
    return Files.writeString(directory.resolve(name), content);
  }

  @Test
  void savedMasksGiveTheSameBytesAgain() throws IOException {
    Path masks = directory.resolve("masks.safetensors");
    calibrated("first", "--refine", "swaps", "--save-masks", masks);
    Ended again = prune("again", "--method", "masks", "--masks", masks).succeeds();
    for (int shard = 1; shard <= 3; shard++) {
      String name = "model-0000%d-of-00003.safetensors".formatted(shard);
      assertThat(
              Files.mismatch(
                  directory.resolve("first").resolve(name),
                  directory.resolve("again").resolve(name)))
          .as(name)
          .isEqualTo(-1);
    }
    assertThat(record("again").get("mask_sha256")).isEqualTo(record("first").get("mask_sha256"));
    assertThat(record("again").get("mode").asText()).isEqualTo("mask");
    Path saved = directory.resolve("saved.safetensors");
    prune("third", "--method", "masks", "--masks", masks, "--save-masks", saved).succeeds();
    assertThat(Files.mismatch(masks, saved)).isEqualTo(-1);
  }

  @Test
  void masksAreCombined() {
    Path half = directory.resolve("half.safetensors");
    Path groups = directory.resolve("groups.safetensors");
    calibrated("half", "--save-masks", half);
    calibrated("groups", "--pattern", "2:4", "--save-masks", groups);
    prune("both", "--method", "masks", "--masks", half, "--masks", groups);
    prune(
        "either",
        "--method",
        "masks",
        "--masks",
        half,
        "--masks",
        groups,
        "--combine-masks",
        "union");
    long pruned = record("half").get("pruned").asLong();
    assertThat(record("both").get("pruned").asLong()).isGreaterThan(pruned);
    assertThat(record("either").get("pruned").asLong()).isLessThan(pruned);
    assertThat(record("both").get("pruned").asLong() + record("either").get("pruned").asLong())
        .isEqualTo(pruned + record("groups").get("pruned").asLong());
  }

  @Test
  void aRecipeSaysWhatIsDoneToWhich() throws IOException {
    Path recipe =
        file(
            "recipe.yaml",
            """
            stages:
              - modules: mlp
                method: sparsegpt
                pattern: "2:4"
              - modules: q_proj|k_proj
                sparsity: 0.25
                refine: swaps
                update: reconstruct
            """);
    Path report = directory.resolve("report.json");
    calibrated("out", "--recipe", recipe, "--report", report);
    JsonNode record = record("out");
    assertThat(record.get("mode").asText()).isEqualTo("update");
    assertThat(record.get("stages")).hasSize(2);
    assertThat(record.has("method")).isFalse();
    for (JsonNode module : TestData.json(report).get("modules")) {
      double share = module.get("name").asText().contains("mlp") ? 0.5 : 0.25;
      assertThat(module.get("sparsity").doubleValue()).isEqualTo(share);
      assertThat(module.get("name").asText()).doesNotContain("v_proj");
      assertThat(module.get("relative_error").get("result").doubleValue()).isBetween(0.0, 1.0);
    }
    prune("out", "--calibration", TOKENS, "--recipe", recipe, "--resume").succeeds();
  }

  @ParameterizedTest
  @CsvSource({"atp", "dlp", "owl"})
  void anAllocationKeepsTheTotal(String rule) {
    calibrated("out", "--allocation", rule, "--sparsity", "0.6");
    JsonNode record = record("out");
    assertThat(record.get("allocation").asText()).startsWith(rule);
    double share = record.get("pruned").doubleValue() / record.get("elements").doubleValue();
    assertThat(share).isBetween(0.57, 0.6001);
  }

  @Test
  void aFileSaysTheSharesOfModules() throws IOException {
    Path shares = file("shares.json", "{\"0\": 0.25, \"down_proj\": 0.75}");
    calibrated("out", "--allocation", shares);
    JsonNode byModule = record("out").get("sparsity_by_module");
    assertThat(byModule.get("model.layers.0.mlp.down_proj").doubleValue()).isEqualTo(0.25);
    assertThat(byModule.get("model.layers.1.mlp.down_proj").doubleValue()).isEqualTo(0.75);
    assertThat(byModule.get("model.layers.1.mlp.up_proj").doubleValue()).isEqualTo(0.5);
  }

  @Test
  void secondMomentsComeFromAFileToo() {
    Path statistics = directory.resolve("moments.safetensors");
    InProcess.line(
            "calibrate --model %s --calibration %s --second-moments --output %s --backend cpu",
            MODEL, TOKENS, statistics)
        .succeeds();
    for (String method : new String[] {"sparsegpt", "ria"}) {
      Ended result =
          prune(method, "--statistics", statistics, "--method", method, "--update", "reconstruct")
              .succeeds();
      assertThat(result.json().get("relative_error").doubleValue()).isBetween(0.0, 0.5);
      Ended verified =
          InProcess.line("verify --dense %s --pruned %s", MODEL, directory.resolve(method))
              .succeeds();
      assertThat(verified.out()).contains("14 tensors with fitted weights, which nothing proves");
    }
    Path norms = TestData.fixture("llama-gqa").resolve("dense.statistics.safetensors");
    prune("out", "--statistics", norms, "--refine", "swaps")
        .fails(3, "input_gram", "no such tensor");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--method ria | --in-place prunes by wanda or magnitude alone",
        "--method sparsegpt | --in-place prunes by wanda or magnitude alone",
        "--refine swaps | --in-place prunes by wanda or magnitude alone",
        "--update reconstruct | --in-place prunes by wanda or magnitude alone",
        "--allocation dlp | --in-place can't share out by atp, dlp or owl",
        "--allocation owl | --in-place can't share out by atp, dlp or owl",
      })
  void inPlaceIsWhatCanBeEndedAfterAnInterruption(String words, String expected) {
    Path statistics = TestData.fixture("llama-gqa").resolve("dense.statistics.safetensors");
    Path copy = TestData.copy(MODEL, directory.resolve("copy"));
    InProcess.line(
            "prune --model %s --in-place --yes --statistics %s", copy, statistics, words.split(" "))
        .fails(2, expected);
    Directories.assertSame(MODEL, copy);
  }

  @Test
  void inPlaceTakesSharesFromAFile() throws IOException {
    Path statistics = TestData.fixture("llama-gqa").resolve("dense.statistics.safetensors");
    Path copy = TestData.copy(MODEL, directory.resolve("copy"));
    Path shares = file("shares.json", "{\"0\": 0.25}");
    InProcess.line(
            "prune --model %s --in-place --yes --statistics %s --allocation %s",
            copy, statistics, shares)
        .succeeds();
    assertThat(TestData.json(copy.resolve("wanda-cuda.json")).get("sparsity_by_module").size())
        .isPositive();
  }

  /** Runs a method, and returns all that a person sees. */
  private Ended seen(String output, String options) {
    return InProcess.line(
            "prune --model %s --output %s --backend cpu " + options.formatted(TOKENS),
            MODEL,
            directory.resolve(output))
        .succeeds();
  }

  @Test
  void anUpdateSaysWhatItTakesFromSparseGpt() {
    String samples = "--calibration %s --method sparsegpt --update ";
    assertThat(seen("alps", samples + "alps").err())
        .contains("sparsegpt gives the mask that ALPS begins with", "has fitted are not used");
    assertThat(seen("fit", samples + "reconstruct").err())
        .contains("sparsegpt gives the mask and fitted weights");
    assertThat(seen("none", samples + "none").err()).doesNotContain("sparsegpt gives");
  }

  @Test
  void aShareThatIsNotTheOneAskedForHasItsReason() {
    String rows = seen("rows", "--calibration %s --sparsity 0.3").out();
    assertThat(rows)
        .containsPattern("\\(2\\d[.]\\d\\d %; each row's share is rounded down to whole weights\\)")
        .containsPattern("\n  dead     0 input columns, whose norm is 0; \\d+ output rows")
        .containsPattern("\n  masks    sha256 ")
        .containsPattern("\n  seconds  .* prepare \\d");
    assertThat(seen("half", "--calibration %s --sparsity 0.5").out())
        .containsPattern("now zero \\(50.00 %\\)");
    assertThat(seen("matrix", "--method magnitude --sparsity 0.3").out())
        .contains("; all weights up to the threshold go, equal ones too)");
  }
}
