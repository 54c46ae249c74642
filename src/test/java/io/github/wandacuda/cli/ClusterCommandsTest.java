package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
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

/** What commands say and print on a cluster is what they do on one machine, to the letter. */
class ClusterCommandsTest {
  private static final Path GOLDEN = TestData.GOLDEN;

  @TempDir Path directory;

  /**
   * Returns a result without what differs between two runs, and without the words for a cluster.
   */
  private static String withoutTimes(String text) {
    return text.replace(", \"--cluster\", \"local\"", "")
        .replaceAll("(\"seconds\" *: *)[0-9.Ee-]+", "$1-")
        .replaceAll("(\"(started|ended)\" *: *\")[^\"]+", "$1")
        .replaceAll("(%) +[0-9]+\\.[0-9]", "$1 -");
  }

  private static Ended assertLikeOneMachine(int exitCode, Object... words) {
    Ended expected = InProcess.run(words);
    assertThat(expected.exitCode()).as(expected.err()).isEqualTo(exitCode);
    List<Object> more = new ArrayList<>(Arrays.asList(words));
    more.addAll(List.of("--cluster", "local"));
    Ended found = InProcess.run(more);
    assertThat(found.exitCode()).as(found.err()).isEqualTo(exitCode);
    assertThat(withoutTimes(found.out())).isEqualTo(withoutTimes(expected.out()));
    assertThat(found.err()).isEqualTo(expected.err());
    return found;
  }

  /** Returns a path as somebody in this directory would write it. */
  private static Path near(Path path) {
    return Path.of("").toAbsolutePath().relativize(path.toAbsolutePath());
  }

  private Path pruned() {
    Path pruned = directory.resolve("pruned");
    InProcess.line(
            "prune --model %s --output %s --statistics %s --backend cpu --quiet",
            TestData.TINY_LLAMA, pruned, GOLDEN.resolve("wanda-50.statistics.safetensors"))
        .succeeds();
    return pruned;
  }

  private void assertVerifies(int exitCode, Path pruned, String... more) {
    for (String form : List.of("--quiet", "--json")) {
      List<Object> words =
          Words.of(
              "verify --dense %s --pruned %s --quiet", TestData.TINY_LLAMA, near(pruned), more);
      if (!form.equals("--quiet")) {
        words.add(form);
      }
      assertLikeOneMachine(exitCode, words.toArray());
    }
  }

  @Test
  @Thorough
  void verifyProvesAsOneMachineDoes() {
    Path pruned = pruned();
    assertVerifies(0, pruned);
    assertVerifies(0, pruned, "--sparsity", "0.4");
    assertVerifies(5, pruned, "--sparsity", "0.6");
    assertVerifies(5, pruned, "--method", "magnitude", "--pattern", "2:4");
    assertVerifies(5, pruned, "--sparsity", "0.5", "--exclude", "mlp");
  }

  @Test
  void verifyRefusesAsOneMachineDoes() throws IOException {
    assertVerifies(3, directory.resolve("nowhere"));
    Path pruned = pruned();
    Files.writeString(pruned.resolve("wanda-cuda.json"), "{");
    assertVerifies(5, pruned);
  }

  private Object[] compare(Path model, Object... more) throws IOException {
    Path text = Files.writeString(directory.resolve("few.json"), "[[1, 17, 300, 4, 99, 1024]]");
    List<Object> words =
        Words.of(
            "compare --model %s --samples 2 --calibration %s --text %s --backend cpu --quiet",
            model, GOLDEN.resolve("calibration.json"), text, more);
    return words.toArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"wanda", "wanda,sparsegpt,magnitude+swaps --json"})
  @Thorough
  void compareMeasuresAsOneMachineDoes(String methods) throws IOException {
    List<Object> words =
        Words.of(
            "--sparsity 0.3 --pattern 2:4 --exclude down_proj --tasks piqa --data"
                + " testdata/tasks/hub --methods %s",
            (Object) methods.split(" "));
    Ended result = assertLikeOneMachine(0, compare(TestData.TINY_LLAMA, words));
    assertThat(result.out()).contains("wanda");
  }

  @Test
  @Thorough
  void compareWritesTheSameReport() throws IOException {
    Path report = directory.resolve("report.json");
    Object[] words =
        compare(TestData.TINY_LLAMA, "--report", report, "--overwrite", "--pattern", "2:4");
    InProcess.run(words).succeeds();
    String expected = withoutTimes(Files.readString(report));
    Files.delete(report);
    assertLikeOneMachine(0, words);
    assertThat(withoutTimes(Files.readString(report))).isEqualTo(expected);
    assertThat(directory.resolve("report.json.unfinished")).doesNotExist();
  }

  /** The dense model finds it as well as each run, and it is one line. */
  @Test
  @Thorough
  void compareTellsOfTheSameWeightOnce() throws IOException {
    Path broken = TestData.copy(TestData.TINY_LLAMA, directory.resolve("broken"));
    Damage.nan(broken);
    Ended result = assertLikeOneMachine(3, compare(near(broken)));
    assertThat(result.errorLines()).hasSize(1);
  }
}
