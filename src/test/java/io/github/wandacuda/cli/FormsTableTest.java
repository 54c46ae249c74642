package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Tier;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The README's table of forms: each row's bytes and perplexity are those of the row's command. */
@Thorough
class FormsTableTest {
  private static final Path MIXTURE = Path.of("testdata/models/tiny-mixture");

  @TempDir Path folder;

  /**
   * A row of the table.
   *
   * @param options what {@code prune} is given
   * @param then {@code pack}, or nothing
   * @param bytes of the source's bytes, as the row says it
   */
  private record Row(String options, String then, String bytes, String perplexity) {
    static Row of(String line) {
      String[] cells = line.split("\\|");
      String[] commands = cells[1].split("`");
      String then = commands.length > 3 ? commands[3] : "";
      return new Row(commands[1], then, cells[2].strip(), cells[3].strip());
    }

    boolean isOfMixture() {
      return options.contains("experts");
    }
  }

  static List<Row> rows() throws IOException {
    return Tier.picked(3, table());
  }

  private static List<Row> table() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("README.md"))) {
      return lines
          .dropWhile(line -> !line.startsWith("| add to `prune`"))
          .skip(2)
          .takeWhile(line -> line.startsWith("|"))
          .map(Row::of)
          .toList();
    }
  }

  private Path prune(Row row, Path model) {
    Path output = folder.resolve("pruned");
    Path calibration =
        row.isOfMixture()
            ? MIXTURE.resolve("calibration.json")
            : Path.of("testdata/text/calibration.txt");
    InProcess.run(
            Words.of(
                "prune --quiet --backend cpu --model %s --calibration %s --output %s %s",
                model, calibration, output, List.of(row.options().split(" "))))
        .succeeds();
    return row.then().equals("pack") ? InProcess.packed(output, folder.resolve("packed")) : output;
  }

  private static double perplexity(Row row, Path model) {
    List<Object> text =
        row.isOfMixture()
            ? List.of("--tokens", MIXTURE.resolve("evaluation.json"))
            : List.of("--text", "testdata/text/heldout.txt");
    return InProcess.run(
            Words.of("perplexity --json --quiet --backend cpu --model %s %s", model, text))
        .succeeds()
        .json()
        .path("perplexity")
        .asDouble();
  }

  private static long weightBytes(Path model) throws IOException {
    try (Stream<Path> files = Files.list(model)) {
      return files
          .filter(file -> file.toString().endsWith(".safetensors"))
          .mapToLong(file -> file.toFile().length())
          .sum();
    }
  }

  @ParameterizedTest
  @MethodSource("rows")
  void aRowSaysWhatItsCommandGives(Row row) throws IOException {
    Path model = row.isOfMixture() ? MIXTURE : TestData.TINY_LLAMA;
    Path output = prune(row, model);
    double share = 100.0 * weightBytes(output) / weightBytes(model);
    assertThat("%.1f %%".formatted(share)).as(row.options()).isEqualTo(row.bytes());
    assertThat("%.2f".formatted(perplexity(row, output)))
        .as(row.options())
        .isEqualTo(row.perplexity());
  }
}
