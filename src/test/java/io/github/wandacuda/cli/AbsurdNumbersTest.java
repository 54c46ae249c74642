package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Numbers and amounts that make no sense are usage errors, told at once. */
class AbsurdNumbersTest {
  private static final Duration AT_ONCE = Duration.ofSeconds(20);
  private static final String NUMBERS = "0 -1 20000000 2147483647 2147483648 9223372036854775808 x";

  @TempDir Path directory;

  private Ended run(String option, String value) {
    String[] words = option.split(" ");
    Path model = TestData.TINY_LLAMA;
    List<Object> needed =
        switch (words[0]) {
          case "prune", "calibrate" ->
              Words.of(
                  "--model %s --output %s --calibration testdata/text/calibration.txt",
                  model, directory.resolve("out"));
          case "perplexity" -> Words.of("--model %s --text testdata/text/heldout.txt", model);
          default -> Words.of("--dense %s --pruned %s", model, model);
        };
    return assertTimeoutPreemptively(
        AT_ONCE, () -> InProcess.run(words, value, needed), option + " " + value);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "prune --threads            | NUMBERS 100000",
        "prune --samples            | NUMBERS",
        "prune --sequence-length    | NUMBERS",
        "calibrate --threads        | NUMBERS",
        "calibrate --samples        | NUMBERS",
        "calibrate --sequence-length | NUMBERS",
        "perplexity --threads       | NUMBERS",
        "perplexity --sequence-length | NUMBERS",
        "prune --device             | -1 2147483648 9223372036854775808 x",
        "prune --seed               | 9223372036854775808 1.5",
        "verify --pattern           | NUMBERS",
        "prune --pattern | NUMBERS 0:4 4:4 5:4 2:0 0:0 0:1 1:1 -1:4 2:-4 2:4:8 2/4 2 :4 2: 2.0:4",
        "prune --pattern | +2:4 99999999999:4 2:99999999999 1000000:1000001 4:2 0x2:4 two:four",
        "prune --pattern | 2147483647:2147483648 ٢:٤ NaN:4",
        "verify --sparsity          | -Infinity",
        "prune --sparsity | NaN nan Infinity inf -Infinity 1 1.0 1.5 2 50 -0.1 -1 1e400 1e-400",
        "prune --sparsity | -1e-400 1e999 0.99999999999999999999 0x1p-1 0.5f 0.5d . e 1e 0.5.5",
        "prune --sparsity | half 1e999999999 1e99999999999 ٠.٥",
      })
  void areRefused(String option, String values) {
    List<String> all = new ArrayList<>(List.of(values.replace("NUMBERS", NUMBERS).split(" ")));
    all.add("");
    if (option.endsWith("--pattern")) {
      all.addAll(List.of(" 2:4", "2 :4", "2:4\n"));
    }
    for (String value : all) {
      Ended result = run(option, value).isRefused(2, "expected", value.strip());
      assertThat(result.errorLines()).hasSize(1);
      assertThat(result.err()).doesNotContain("Exception");
      assertThat(result.out()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-0.0", "0.5", ".5", "5e-1", "0.", "+0.5", "0.9999999"})
  void fractionsThatMakeSense(String fraction) {
    Ended result =
        InProcess.line(
                "prune --model %s --output %s --method magnitude --dry-run --json --sparsity %s",
                TestData.TINY_LLAMA, directory.resolve("out"), fraction)
            .succeeds();
    assertThat(result.json().get("amount").asText()).doesNotContain("-");
  }
}
