package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** With {@code --quiet} stderr of a success is empty: of the JVM's too. */
class QuietIT {
  private static final Path STATISTICS = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");
  private static final Path TEXT = Path.of("testdata/text/calibration.txt");

  @TempDir static Path directory;

  private static Ended run(String line) {
    List<Object> words = new ArrayList<>();
    for (String word : line.split(" ")) {
      words.add(
          word.replace("MODEL", TestData.TINY_LLAMA.toString())
              .replace("STATISTICS", STATISTICS.toString())
              .replace("TEXT", TEXT.toString())
              .replace("DIR", directory.toString()));
    }
    words.add("--quiet");
    return Cli.run(words);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "prune --model MODEL --statistics STATISTICS --output DIR/statistics",
        "prune --model MODEL --calibration TEXT --samples 2 --sequence-length 32 --output DIR/text",
        "calibrate --model MODEL --calibration TEXT --samples 2 --sequence-length 32 --output"
            + " DIR/s",
        "perplexity --model MODEL --text testdata/text/heldout.txt --sequence-length 256",
        "inspect --model MODEL",
        "verify --dense MODEL --pruned MODEL --sparsity 0",
        "devices"
      })
  @FirstCases(2)
  void aSuccessSaysNothing(String line) {
    Ended result = run(line);
    assertThat(result.err()).isEmpty();
    assertThat(result.exitCode()).isZero();
    assertThat(result.out()).isNotEmpty();
  }
}
