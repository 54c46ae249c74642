package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
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

  private Path recipe;
  private Path report;
  private Path unfinished;

  @BeforeEach
  void write() throws IOException {
    recipe = directory.resolve("mine.yaml");
    Files.writeString(
        recipe, "- modules: mlp\n  sparsity: 0.6\n  refine: swaps\n- modules: q_proj\n");
    Files.writeString(directory.resolve("shares.json"), "{\"0\": 0.3}");
    report = directory.resolve("report.json");
    unfinished = directory.resolve("report.json.unfinished");
  }

  private static List<Object> words(Object... more) {
    return Words.of(
        "compare --model %s --text %s --calibration %s --backend cpu --quiet",
        LLAMA, TOKENS, TOKENS, more);
  }

  private static Ended compare(Object... more) {
    return InProcess.run(words(more));
  }

  /** Runs a command on the fixture, and returns its result. */
  private static JsonNode run(String command, Object... more) {
    return InProcess.line(command + " --backend cpu --json --quiet", more).succeeds().json();
  }

  /** The golden figures are of the original Wanda code. */
  @Test
  @Thorough
  void givesTheFiguresOfTheOriginalCode() {
    Path golden = TestData.GOLDEN;
    JsonNode expected = TestData.json(golden.resolve("results.json"));
    JsonNode compared =
        run(
            "compare --model %s --calibration %s --text %s --sparsity 0.5",
            TestData.TINY_LLAMA,
            golden.resolve("calibration.json"),
            golden.resolve("evaluation.json"));
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

  /** The name of each run, then what {@code prune} is given for it. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--methods wanda,magnitude --sparsity 0.4 | wanda {c} --sparsity 0.4"
            + " ; magnitude --method magnitude --sparsity 0.4",
        "--methods magnitude,sparsegpt --pattern 2:4 | magnitude --method magnitude --pattern 2:4"
            + " ; sparsegpt {c} --method sparsegpt --pattern 2:4",
        "--methods ria,wanda+swaps+reconstruct --sparsity 0.5 | ria {c} --method ria"
            + " ; wanda+swaps+reconstruct {c} --refine swaps --update reconstruct",
        "--methods wanda --sparsity 0.6 --pattern 2:4 --allocation uniform,atp,{d}/shares.json"
            + " --recipes {d}/mine.yaml | wanda {c} --sparsity 0.6"
            + " ; wanda+atp {c} --sparsity 0.6 --allocation atp"
            + " ; wanda+shares.json {c} --sparsity 0.6 --allocation {d}/shares.json"
            + " ; wanda {c} --pattern 2:4 ; mine.yaml {c} --recipe {d}/mine.yaml",
      })
  @FirstCases(1)
  void runsAreThoseOfPrune(String options, String expected) throws IOException {
    String[] prunes = filled(expected).split(" ; ");
    JsonNode runs =
        run(
                "compare --model %s --calibration %s --text %s %s",
                LLAMA, TOKENS, TOKENS, filled(options).split(" "))
            .get("runs");
    assertThat(runs).hasSize(prunes.length);
    for (int index = 0; index < prunes.length; index++) {
      assertPruned(runs.get(index), prunes[index]);
      assertThat(runs.get(index).get("relative_error").isNumber()).isTrue();
    }
  }

  private String filled(String words) {
    return words.replace("{c}", "--calibration " + TOKENS).replace("{d}", directory.toString());
  }

  private void assertPruned(JsonNode run, String nameAndOptions) throws IOException {
    String[] parts = nameAndOptions.split(" ", 2);
    assertThat(run.get("method").asText()).isEqualTo(parts[0]);
    Path output = directory.resolve("pruned");
    JsonNode pruned = run("prune --model %s --output %s %s", LLAMA, output, parts[1].split(" "));
    assertThat(run.get("mask_sha256")).isEqualTo(pruned.get("mask_sha256"));
    assertThat(run.get("zeros").asDouble()).isEqualTo(pruned.get("sparsity").asDouble());
    if (pruned.has("relative_error")) {
      assertThat(run.get("relative_error")).isEqualTo(pruned.get("relative_error"));
    }
    assertThat(run.has("sparsity") != run.has("pattern")).isTrue();
    assertJudged(run, output);
    assertThat(run.path("allocation").asText())
        .startsWith(parts[0].equals("wanda+atp") ? "atp, step " : "");
    if (parts[0].equals("mine.yaml")) {
      assertThat(run.get("sparsity")).isEqualTo(run.get("zeros"));
    }
    Directories.remove(output);
  }

  /** Compares what a text says of a run with what it says of the model that prune has written. */
  private static void assertJudged(JsonNode run, Path output) {
    JsonNode alone = run("perplexity --model %s --dense %s --tokens %s", output, LLAMA, TOKENS);
    for (String figure : List.of("perplexity", "kl", "top1_agreement")) {
      assertThat(run.get(figure)).as(figure).isEqualTo(alone.get(figure));
    }
    assertThat(run.get("kl").asDouble()).isPositive();
    assertThat(alone.get("perplexity"))
        .isEqualTo(run("perplexity --model %s --tokens %s", output, TOKENS).get("perplexity"));
  }

  @Test
  void statisticsGiveTheMasksOfPrune() throws IOException {
    Path norms = directory.resolve("norms.safetensors");
    run("calibrate --model %s --calibration %s --output %s", LLAMA, TOKENS, norms);
    List<Object> words =
        Words.of(
            "compare --model %s --statistics %s --text %s --backend cpu --methods"
                + " wanda,ria,magnitude --allocation dlp",
            LLAMA, norms, TOKENS);
    assertThat(InProcess.run(words).out().lines().toList().get(2)).contains("–");
    InProcess.run(words, "--dry-run").succeeds();
    JsonNode runs = InProcess.run(words, "--json").succeeds().json().get("runs");
    for (int index = 0; index < 2; index++) {
      String method = index == 0 ? "wanda" : "ria";
      String name = runs.get(index).get("method").asText();
      assertThat(name).isEqualTo(method + "+dlp");
      assertPruned(
          runs.get(index),
          "%s --statistics %s --method %s --allocation dlp".formatted(name, norms, method));
    }
    assertThat(runs).hasSize(3).allMatch(run -> run.get("relative_error").isNull());
  }

  @Test
  @Thorough
  void tasksAreAnsweredAsByTheModelThatPruneWrites() throws IOException {
    Path model = TestData.TINY_LLAMA;
    Path text = Files.writeString(directory.resolve("few.json"), "[[1, 17, 300, 4, 99, 1024]]");
    List<Object> asked = Words.of("--tasks openbookqa,piqa --data testdata/tasks/hub");
    List<Object> words =
        Words.of(
            "compare --model %s --calibration %s --text %s --methods magnitude --pattern 2:4"
                + " --backend cpu --quiet",
            model, text, text, asked);
    JsonNode compared = InProcess.run(words, "--json").succeeds().json();
    assertThat(compared.at("/dense/tasks")).isEqualTo(tasks(model, asked));
    Path output = directory.resolve("pruned");
    run("prune --model %s --method magnitude --pattern 2:4 --output %s", model, output);
    assertThat(compared.at("/runs/0/tasks")).isNotEmpty().isEqualTo(tasks(output, asked));
    List<String> lines = InProcess.run(words).out().lines().toList();
    assertThat(lines.get(0)).endsWith("accuracy");
    double mean =
        (compared.at("/runs/0/tasks/openbookqa/accuracy").asDouble()
                + compared.at("/runs/0/tasks/piqa/accuracy").asDouble())
            / 2;
    assertThat(lines.get(2)).endsWith(" %.4f".formatted(mean));
  }

  /** Each run's method is what {@code prune} is told of it. */
  @ParameterizedTest
  @CsvSource({
    "channels+flap+none, channels, --score flap --update none",
    "auto, auto, --shard-size 1MB",
    "heads+reconstruct, heads, --update reconstruct",
    "blocks+angular, blocks, --score angular",
  })
  @FirstCases(1)
  void partsThatGoAreThoseOfPrune(String method, String structure, String more) {
    List<Object> samples = Words.of("--calibration %s", TOKENS);
    Path output = directory.resolve("smaller");
    JsonNode pruned =
        run(
            "prune --model %s --output %s --structure %s --sparsity 0.5 %s %s",
            LLAMA, output, structure, samples, Words.of(more));
    JsonNode compared = compare("--methods", "magnitude," + method, "--json").succeeds().json();
    JsonNode run = compared.at("/runs/1");
    assertThat(run.get("method").asText()).isEqualTo(method);
    assertThat(run.get("sparsity").asDouble()).isEqualTo(0.5);
    assertThat(run.get("parameters")).isEqualTo(pruned.get("parameters_after"));
    assertThat(run.get("bytes").asInt())
        .isBetween(pruned.get("bytes_after").asInt() * 8 / 10, pruned.get("bytes_after").asInt());
    assertThat(run.has("tokens_per_second")).isFalse();
    assertJudged(run, output);
    assertThat(run.get("mask_sha256").isNull()).isTrue();
    assertThat(compared.at("/dense/parameters")).isEqualTo(pruned.get("parameters_before"));
    assertThat(compared.at("/runs/0").has("parameters")).isFalse();
  }

  /** The same model under two names has one speed, within what its rounds differ by. */
  @Test
  void speedIsThatOfTheModelNotOfItsPlace() throws IOException {
    Path page = directory.resolve("speed.html");
    Ended ended =
        compare(
            "--methods",
            "channels+flap+none,channels+wanda+none",
            "--speed",
            "--report",
            page,
            "--json");
    JsonNode compared = ended.succeeds().json();
    JsonNode first = compared.at("/runs/0");
    JsonNode second = compared.at("/runs/1");
    assertThat(first.get("parameters")).isEqualTo(second.get("parameters"));
    double firstTimes = times(first);
    double secondTimes = times(second);
    double spread =
        Math.max(
            first.get("tokens_per_second_most").asDouble()
                / first.get("tokens_per_second_least").asDouble(),
            second.get("tokens_per_second_most").asDouble()
                / second.get("tokens_per_second_least").asDouble());
    assertThat(Math.max(firstTimes, secondTimes) / Math.min(firstTimes, secondTimes))
        .isLessThanOrEqualTo(spread);
    assertThat(Files.readString(page)).contains("Tokens a second", " x dense");
  }

  /** Returns how many times as fast as the dense model a run's model is. */
  private static double times(JsonNode run) {
    double median = run.get("tokens_per_second").asDouble();
    assertThat(median)
        .isBetween(
            run.get("tokens_per_second_least").asDouble(),
            run.get("tokens_per_second_most").asDouble());
    return median / run.get("dense_tokens_per_second").asDouble();
  }

  @Test
  void partsHaveColumnsAndATableOfTheirOwn() throws IOException {
    Path page = directory.resolve("parts.html");
    List<Object> words = words("--methods", "magnitude,channels+wanda", "--report", page);
    interrupt(3, words);
    List<String> lines = InProcess.run(words, "--resume").succeeds().out().lines().toList();
    assertThat(lines.get(0)).endsWith("parameters");
    assertThat(lines.get(1)).matches("dense .* [\\d,]+");
    assertThat(lines.get(2)).matches("magnitude .* –");
    assertThat(lines.get(3)).matches("channels\\+wanda +50.00 % .* [\\d,]+");
    assertThat(Files.readString(page)).contains("<h2>Size</h2>").doesNotContain("Tokens a second");
    assertThat(compare("--methods", "channels,wanda", "--dry-run").succeeds().out())
        .contains("2 runs, about", "for those that remove no parts");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--methods channels --pattern 2:4 | 2 | --pattern: parts don't go by one, give a --sparsity",
        "--methods channels+swaps | 2 | --methods: expected one of none, reconstruct, realign",
        "--methods blocks | 3 | at most 0 of the 2 blocks to remove",
        "--methods heads --cluster local --sparsity 0.5 | 2 | --cluster compares no methods that remove parts",
        "--methods experts | 3 | expected a mixture of experts",
      })
  void partsThatCannotGoAreRefused(String options, int exitCode, String message) {
    compare((Object[]) options.split(" ")).fails(exitCode, message);
  }

  private static JsonNode tasks(Path model, List<Object> asked) {
    return run("evaluate --model %s", model, asked).get("tasks");
  }

  @Test
  void printsARowForEachRun() throws IOException {
    Path page = directory.resolve("new/report.html");
    Ended result =
        compare(
            "--methods",
            "wanda,ria",
            "--sparsity",
            "0.3,0.6",
            "--recipes",
            recipe,
            "--report",
            page);
    assertThat(result.out().lines().map(line -> line.split(" {2,}")[0]))
        .containsExactly("method", "dense", "wanda", "wanda", "ria", "ria", "mine.yaml");
    assertThat(result.err()).isEmpty();
    assertThat(Files.readString(page)).contains("mine.yaml");
  }

  /** Interrupts its writer at the last of so many lines. */
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

  static void interrupt(int lines, Object... words) {
    try {
      assertThat(InProcess.to(new InterruptingStream(lines), words).exitCode()).isEqualTo(130);
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  /** The first line is the heading, the second the dense model's. */
  @Test
  @Thorough
  void anInterruptedComparisonGoesOn() throws IOException {
    List<Object> words = words("--methods", "wanda,ria", "--sparsity", "0.3,0.6");
    JsonNode whole = InProcess.run(words, "--json").succeeds().json();
    words.addAll(List.of("--report", report));
    for (int lines : new int[] {1, 2, 3, 5}) {
      interrupt(lines, words);
      assertThat(report).doesNotExist();
      List<String> done = lines == 1 ? List.of() : Files.readAllLines(unfinished);
      // One of what was measured with, and one of the dense model.
      assertThat(done).hasSize(lines == 1 ? 0 : lines);
      InProcess.run(words, "--resume").succeeds();
      assertThat(unfinished).doesNotExist();
      JsonNode resumed = TestData.json(report);
      assertThat(resumed.at("/command/0").asText()).isEqualTo("compare");
      assertThat(resumed.at("/inputs/calibration_sha256").asText()).hasSize(64);
      assertThat(resumed.at("/inputs/text/file").asText()).isEqualTo(TOKENS.toString());
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
      Files.delete(report);
    }
  }

  @Test
  void anothersRunsArentTaken() throws IOException {
    interrupt(3, words("--report", report, "--sparsity", "0.3,0.6"));
    compare("--report", report, "--resume", "--include", "q_proj")
        .fails(2, "holds runs of another comparison: --include");
    compare("--report", report).fails(2, "--resume goes on with it, --overwrite begins anew");
    Files.writeString(unfinished, "mine");
    compare("--report", report).fails(2, "expected nothing, or the runs of a comparison");
    assertThat(unfinished).hasContent("mine");
  }

  @Test
  void aRecipeThatHasChangedIsAnotherRun() throws IOException {
    List<Object> words = words("--recipes", recipe, "--report", report);
    interrupt(3, words);
    assertThat(Files.readAllLines(unfinished)).hasSize(3);
    Files.writeString(recipe, "- sparsity: 0.25\n");
    InProcess.run(words, "--resume").succeeds();
    assertThat(TestData.json(report).at("/runs/0/zeros").asDouble()).isEqualTo(0.25);
    assertThat(TestData.json(report).get("runs")).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"compare --text %s", "prune --output %s"})
  void aPatternThatDoesntFitNamesWhatToLeaveOut(String command) {
    List<Object> words =
        Words.of(
            command + " --model %s --calibration %s --pattern 32:64 --backend cpu --dry-run",
            command.startsWith("prune") ? directory.resolve("out") : TOKENS,
            TestData.TINY_LLAMA,
            TOKENS);
    String exclude = "model.layers.\\d+.mlp.down_proj";
    Ended result = InProcess.run(words).fails(3, "a multiple of 64 for pattern 32:64, found 352");
    assertThat(result.err()).endsWith("leave it out with --exclude '" + exclude + "'\n");
    InProcess.run(words, "--exclude", exclude).succeeds();
  }

  @Test
  void aDryRunSaysHowLongItTakes() {
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
