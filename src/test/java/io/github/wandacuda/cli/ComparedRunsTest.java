package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Allocations, recipes and statistics are compared as {@code prune} has them. */
class ComparedRunsTest {
  private static final Path LLAMA = TestData.fixture("llama-gqa").resolve("model");
  private static final Path TOKENS = TestData.fixture("llama-gqa").resolve("tokens.json");

  @TempDir Path directory;

  private Path recipe;
  private Path shares;

  @BeforeEach
  void write() throws IOException {
    recipe = directory.resolve("mine.yaml");
    Files.writeString(
        recipe, "- modules: mlp\n  sparsity: 0.6\n  refine: swaps\n- modules: q_proj\n");
    shares = Files.writeString(directory.resolve("shares.json"), "{\"0\": 0.3}");
  }

  private static Ended run(String command, Object... more) {
    return InProcess.line("%s --model %s --backend cpu", command, LLAMA, more);
  }

  private JsonNode pruned(String to, Object... more) throws IOException {
    List<Object> words = Words.of("--output %s --json --quiet", directory.resolve(to), more);
    return run("prune", words.toArray()).succeeds().json();
  }

  private static List<String> texts(JsonNode runs, String key) {
    return StreamSupport.stream(runs.spliterator(), false)
        .map(run -> run.path(key).asText())
        .toList();
  }

  @Test
  void eachAllocationAndEachRecipeIsARun() throws IOException {
    List<Object> words =
        Words.of(
            "--calibration %s --text %s --methods wanda --sparsity 0.6 --pattern 2:4 "
                + "--allocation %s --recipes %s --json --report %s",
            TOKENS, TOKENS, "uniform,atp," + shares, recipe, directory.resolve("new/report.html"));
    JsonNode runs = run("compare", words.toArray()).succeeds().json().get("runs");
    assertThat(texts(runs, "method"))
        .containsExactly("wanda", "wanda+atp", "wanda+shares.json", "wanda", "mine.yaml");
    List<JsonNode> expected =
        List.of(
            pruned("a", "--calibration", TOKENS, "--sparsity", 0.6),
            pruned("b", "--calibration", TOKENS, "--sparsity", 0.6, "--allocation", "atp"),
            pruned("c", "--calibration", TOKENS, "--sparsity", 0.6, "--allocation", shares),
            pruned("d", "--calibration", TOKENS, "--pattern", "2:4"),
            pruned("e", "--calibration", TOKENS, "--recipe", recipe));
    for (int index = 0; index < expected.size(); index++) {
      JsonNode run = runs.get(index);
      assertThat(run.get("mask_sha256")).isEqualTo(expected.get(index).get("mask_sha256"));
      assertThat(run.get("zeros").asDouble())
          .isEqualTo(expected.get(index).get("sparsity").asDouble());
      assertThat(run.get("perplexity").isNumber() && run.get("relative_error").isNumber()).isTrue();
      assertThat(run.has("sparsity") != run.has("pattern")).isTrue();
    }
    assertThat(runs.get(1).get("allocation").asText()).startsWith("atp, step ");
    assertThat(runs.get(4).get("sparsity")).isEqualTo(runs.get(4).get("zeros"));
    assertThat(Files.readString(directory.resolve("new/report.html"))).contains("mine.yaml");
  }

  @Test
  void aRecipeThatHasChangedIsAnotherRun() throws IOException {
    Path report = directory.resolve("report.json");
    List<Object> words =
        Words.of(
            "compare --model %s --backend cpu --calibration %s --text %s --quiet --recipes %s "
                + "--report %s",
            LLAMA, TOKENS, TOKENS, recipe, report);
    assertThat(CompareCommandTest.interrupted(3, words)).isEqualTo(130);
    Path kept = directory.resolve("report.json.unfinished");
    assertThat(Files.readAllLines(kept)).hasSize(3);
    Files.writeString(recipe, "- sparsity: 0.25\n");
    InProcess.run(words, "--resume").succeeds();
    assertThat(TestData.json(report).at("/runs/0/zeros").asDouble()).isEqualTo(0.25);
    assertThat(TestData.json(report).get("runs")).hasSize(1);
  }

  @Test
  void statisticsGiveTheMasksOfPrune() throws IOException {
    Path norms = directory.resolve("norms.safetensors");
    run("calibrate", "--calibration", TOKENS, "--output", norms).succeeds();
    List<Object> words =
        Words.of(
            "--statistics %s --text %s --methods wanda,ria,magnitude --allocation dlp",
            norms, TOKENS);
    assertThat(run("compare", words.toArray()).out().lines().toList().get(2)).contains("–");
    run("compare", with(words, "--dry-run")).succeeds();
    JsonNode runs = run("compare", with(words, "--json")).succeeds().json().get("runs");
    String[] methods = {"wanda", "ria", "magnitude"};
    for (int index = 0; index < methods.length; index++) {
      Path to = directory.resolve("s" + index);
      JsonNode expected =
          pruned(
              to.getFileName().toString(),
              methods[index].equals("magnitude") ? "--calibration" : "--statistics",
              methods[index].equals("magnitude") ? TOKENS : norms,
              "--method",
              methods[index],
              "--allocation",
              methods[index].equals("magnitude") ? "uniform" : "dlp");
      if (!methods[index].equals("magnitude")) {
        assertThat(runs.get(index).get("mask_sha256")).isEqualTo(expected.get("mask_sha256"));
        JsonNode text =
            InProcess.line(
                    "perplexity --model %s --tokens %s --backend cpu --json --quiet", to, TOKENS)
                .succeeds()
                .json();
        assertThat(runs.get(index).get("perplexity")).isEqualTo(text.get("perplexity"));
      }
      assertThat(runs.get(index).get("relative_error").isNull()).isTrue();
    }
  }

  private static Object[] with(List<Object> words, Object more) {
    List<Object> all = new ArrayList<>(words);
    all.add(more);
    return all.toArray();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "--allocation nonsense | expected uniform, atp, dlp, owl or a file",
        "--pattern 2:4 --allocation atp | a pattern can't be shared out",
        "--allocation atp,atp | 'atp' is given twice",
        "--recipes {recipe},{recipe} | is given twice",
        "--recipes {masks} | masks come from files",
        "--statistics {recipe} | expected one of --calibration FILE and --statistics FILE"
      })
  void wrongOptionsAreRefused(String options, String said) throws IOException {
    Path masks = Files.writeString(directory.resolve("masks.yaml"), "- method: masks\n");
    String words = options.replace("{recipe}", recipe.toString());
    List<Object> all =
        Words.of(
            "--calibration %s --text %s",
            TOKENS, TOKENS, words.replace("{masks}", masks.toString()).split(" "));
    run("compare", all.toArray()).fails(2, said);
  }

  @ParameterizedTest
  @CsvSource({"--methods, wanda+swaps", "--allocation, atp"})
  void normsDontSufficeForAll(String option, String value) {
    Path norms = directory.resolve("norms.safetensors");
    run("compare", "--statistics", norms, "--text", TOKENS, option, value)
        .fails(2, "--statistics: expected what norms suffice for, found wanda");
  }
}
