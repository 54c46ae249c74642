package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Samples beyond a model's positions would give statistics that are wrong, without a word. */
class LongWindowsTest {
  @TempDir Path directory;

  private Ended run(String command) {
    List<Object> words = new ArrayList<>(Arrays.asList((Object[]) command.split(" ")));
    words.addAll(List.of("--model", TestData.TINY_LLAMA, "--backend", "cpu", "--quiet"));
    words.addAll(List.of("--output", directory.resolve("out")));
    return InProcess.run(words);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "prune --calibration testdata/text/calibration.txt",
        "prune --dry-run --calibration testdata/golden/tiny-llama/calibration.json",
        "calibrate --calibration testdata/text/calibration.txt"
      })
  void lengthsAreRefused(String command) {
    Ended result = run(command + " --sequence-length 2048");
    result.fails(2, "--sequence-length: expected at most 512", "found 2048");
    assertThat(result.out()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"prune --calibration", "calibrate --calibration"})
  void listsAreRefusedByName(String command) throws IOException {
    Path lists = directory.resolve("lists.json");
    Files.writeString(lists, "[[" + "1,".repeat(599) + "1]]");
    run(command + " " + lists).fails(3, lists + ": list 1: expected at most 512 token ids", "600");
  }

  /** Perplexity is there to look at: what a model does beyond its positions can be asked for. */
  @Test
  void perplexityWarnsOfThem() throws IOException {
    Path lists = directory.resolve("lists.json");
    Files.writeString(lists, "[[" + "1,".repeat(599) + "1]]");
    for (List<Object> input :
        List.<List<Object>>of(
            List.of("--tokens", lists),
            List.of("--text", "testdata/text/heldout.txt", "--sequence-length", 600))) {
      List<Object> words = Words.of("perplexity --model %s", TestData.TINY_LLAMA);
      words.addAll(input);
      words.addAll(List.of("--backend", "cpu"));
      Ended result = InProcess.run(words).succeeds();
      assertThat(result.err())
          .contains("WARN a window of 600 tokens is longer than the model's 512 positions");
      assertThat(result.out()).startsWith("perplexity ");
    }
  }

  /** A table of positions has no more rows than it has. */
  @Test
  void perplexityRefusesThemWherePositionsAreATable() throws IOException {
    Path lists = directory.resolve("lists.json");
    Files.writeString(lists, "[[" + "1,".repeat(599) + "1]]");
    InProcess.line(
            "perplexity --model %s --tokens %s --backend cpu",
            TestData.fixture("gpt2").resolve("model"), lists)
        .fails(3, "one a position, found a sequence of 600");
  }
}
