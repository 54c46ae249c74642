package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A window beyond the model's positions would give numbers that are wrong, without a word. */
class LongWindowsTest {
  @TempDir Path directory;

  private Cli.Result run(String command) {
    List<Object> words = new ArrayList<>(Arrays.asList((Object[]) command.split(" ")));
    words.addAll(List.of("--model", TestData.TINY_LLAMA, "--backend", "cpu", "--quiet"));
    if (!command.startsWith("perplexity")) {
      words.addAll(List.of("--output", directory.resolve("out")));
    }
    return InProcess.run(words.toArray());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "perplexity --text testdata/text/heldout.txt",
        "prune --calibration testdata/text/calibration.txt",
        "prune --dry-run --calibration testdata/golden/tiny-llama/calibration.json",
        "calibrate --calibration testdata/text/calibration.txt"
      })
  void lengthsAreRefused(String command) {
    Cli.Result result = run(command + " --sequence-length 2048");
    assertThat(result.exitCode()).as(result.err()).isEqualTo(2);
    assertThat(result.err()).contains("--sequence-length: expected at most 512", "found 2048");
    assertThat(result.out()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"perplexity --tokens", "prune --calibration", "calibrate --calibration"})
  void listsAreRefusedByName(String command) throws IOException {
    Path lists = directory.resolve("lists.json");
    Files.writeString(lists, "[[" + "1,".repeat(599) + "1]]");
    Cli.Result result = run(command + " " + lists);
    assertThat(result.exitCode()).as(result.err()).isEqualTo(3);
    assertThat(result.err()).contains(lists + ": list 1: expected at most 512 token ids", "600");
  }
}
