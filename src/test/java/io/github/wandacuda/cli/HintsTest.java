package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What a failure's line offers can be done, is no answer to another question, and is not refused.
 */
class HintsTest {
  private static final Path TEXT = Path.of("testdata/text/heldout.txt");

  @TempDir Path directory;

  private static String refused(Object... words) {
    Ended result = InProcess.run(words);
    assertThat(result.exitCode()).as(result.err()).isBetween(2, 3);
    return result.err().strip();
  }

  private String pruned(Object... more) {
    Stream<Object> words =
        Stream.of("prune", "--model", TestData.TINY_LLAMA, "--output", directory.resolve("out"));
    return refused(Stream.concat(words, Stream.of(more)).toArray());
  }

  @ParameterizedTest
  @CsvSource({
    "1, '; that would leave no weight'", "1.0, '; that would leave no weight'",
    "100, '; that would leave no weight'", "100%, '; that would leave no weight'",
    "1.5, found 1.5", "50, '; write 0.5 for 50 %'",
    "2, '; write 0.02 for 2 %'", "1%, '; write 0.01 for 1 %'",
    "0.5%, '; write 0.005 for 0.5 %'", "150, found 150"
  })
  void aSparsityIsTakenForWhatWasMeant(String sparsity, String end) {
    assertThat(pruned("--sparsity", sparsity)).endsWith(end);
  }

  @Test
  void aMissingFileOfTheUsersIsNotToBeDownloaded() {
    Path none = directory.resolve("none.safetensors");
    assertThat(pruned("--statistics", none))
        .contains("none.safetensors")
        .doesNotContain("download");
    assertThat(pruned("--method", "masks", "--masks", none))
        .contains("none.safetensors")
        .doesNotContain("download");
  }

  @ParameterizedTest
  @CsvSource({"masks", "wnada"})
  void comparedMethodsAreThoseThatAreOffered(String method) {
    assertThat(
            refused(
                "compare",
                "--model",
                TestData.TINY_LLAMA,
                "--calibration",
                TEXT,
                "--text",
                TEXT,
                "--methods",
                method))
        .contains("expected one of wanda, magnitude, ria, wanda-variant, sparsegpt, found")
        .endsWith("found '%s'".formatted(method));
  }

  /** A cached model's folder stands for what its refs/main names, as in all commands. */
  @Test
  void aPlanKnowsTheCache() throws IOException {
    Path model = directory.resolve("models--org--tiny");
    Path snapshot = Files.createDirectories(model.resolve("snapshots/aaaa"));
    Files.createDirectories(model.resolve("refs"));
    Files.writeString(model.resolve("refs/main"), "aaaa");
    Files.copy(TestData.TINY_LLAMA.resolve("config.json"), snapshot.resolve("config.json"));
    Ended plan = InProcess.line("devices --plan h100 --model %s", model).succeeds();
    assertThat(refused("devices", "--plan", "h100", "--model", "nobody/nothing"))
        .contains("run 'hf download nobody/nothing' first");
  }
}
