package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cuda.PretendedCuda;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.RoundedModel;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.StringJoiner;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * How far masks of calibrated runs on tensor cores are those of the CPU, in each precision: models
 * in 16 bits, since tensor cores multiply no others. What is found is the table on a page.
 */
@Tag("gpu")
@Tag("pretend")
@Thorough
class MaskAgreementTest {
  private static final Path PAGE = Path.of("src/site/markdown/numerics.md");

  /** Of the bits, in the default precision. */
  private static final double MOST_DIFFERING = 0.001;

  @TempDir Path directory;

  /** The failure prints the rows that the page is to have. */
  @Test
  void thePageHasWhatIsFound() throws IOException {
    List<String> rows = new ArrayList<>();
    for (String family : List.of("llama-mha", "llama-gqa", "llama3", "opt", "gemma2")) {
      Path fixture = TestData.fixture(family);
      List<int[]> tokens = TestData.tokens(fixture.resolve("tokens.json"));
      for (DType dtype : List.of(DType.F16, DType.BF16)) {
        rows.add(row("fixture " + family, fixture.resolve("model"), dtype, tokens));
      }
    }
    for (DType dtype : List.of(DType.F16, DType.BF16)) {
      rows.add(row("tiny-llama", TestData.TINY_LLAMA, dtype, someTokens()));
    }
    assertThat(Files.readString(PAGE)).contains(String.join("\n", rows) + "\n");
  }

  private String row(String name, Path model, DType dtype, List<int[]> tokens) throws IOException {
    String stem = name.replace(' ', '-') + dtype;
    Path rounded = RoundedModel.write(model, directory.resolve(stem), dtype);
    CalibratedMasks expected;
    try (Backend cpu = Pruning.cpu(2)) {
      expected = CalibratedMasks.of(cpu, rounded, directory.resolve(stem + "-cpu"), tokens);
    }
    StringJoiner cells = new StringJoiner(" | ", "| ", " |").add(name).add(dtype.name());
    for (Precision precision : Precision.values()) {
      Path output = directory.resolve(stem + "-" + precision.label());
      try (Backend cuda = PretendedCuda.open(80, precision)) {
        assertThat(cuda.precision()).contains(precision);
        double differing = CalibratedMasks.of(cuda, rounded, output, tokens).differing(expected);
        if (precision == Precision.DEFAULT) {
          assertThat(differing).as(stem).isLessThanOrEqualTo(MOST_DIFFERING);
        }
        cells.add("%.3f %%".formatted(100 * (1 - differing)));
      }
    }
    return cells.toString();
  }

  /** Three samples of 96 tokens, few enough to emulate. */
  private static List<int[]> someTokens() {
    return TestData.tokens(TestData.GOLDEN.resolve("calibration.json")).stream()
        .limit(3)
        .map(sample -> Arrays.copyOf(sample, 96))
        .toList();
  }
}
