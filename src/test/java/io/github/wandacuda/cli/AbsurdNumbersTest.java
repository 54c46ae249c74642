package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Numbers and amounts that make no sense are usage errors, told at once. */
class AbsurdNumbersTest {
  private static final Duration AT_ONCE = Duration.ofSeconds(20);

  private static final List<String> NUMBERS =
      List.of("0", "-1", "20000000", "2147483647", "2147483648", "9223372036854775808", "x", "");

  /** Options that take a whole number, with all of which the numbers are absurd. */
  private static final List<String> OPTIONS =
      List.of(
          "prune --threads", "prune --samples",
          "prune --sequence-length", "calibrate --threads",
          "calibrate --samples", "calibrate --sequence-length",
          "perplexity --threads", "perplexity --sequence-length",
          "verify --pattern", "prune --pattern");

  @TempDir Path directory;

  static Stream<Arguments> numbers() {
    return OPTIONS.stream()
        .flatMap(option -> NUMBERS.stream().map(number -> Arguments.of(option, number)));
  }

  @ParameterizedTest
  @MethodSource("numbers")
  void aWholeNumberThatIsAbsurd(String option, String number) {
    assertUsage(option, number);
  }

  @ParameterizedTest
  @CsvSource({
    "prune --device, -1", "prune --device, 2147483648", "prune --device, 9223372036854775808",
    "prune --device, x", "prune --seed, 9223372036854775808", "prune --seed, 1.5",
    "verify --sparsity, -Infinity", "prune --threads, 100000"
  })
  void otherNumbers(String option, String number) {
    assertUsage(option, number);
  }

  private void assertUsage(String option, String number) {
    String[] words = option.split(" ");
    Path model = TestData.TINY_LLAMA;
    Path text = Path.of("testdata/text/calibration.txt");
    List<Object> needed =
        switch (words[0]) {
          case "prune", "calibrate" ->
              Words.of(
                  "--model %s --output %s --calibration %s", model, directory.resolve("out"), text);
          case "perplexity" -> Words.of("--model %s --text %s", model, text);
          default -> Words.of("--dense %s --pruned %s", model, model);
        };
    Ended result =
        Assertions.assertTimeoutPreemptively(
            AT_ONCE, () -> InProcess.run(words, number, needed), option + " " + number);
    assertThat(result.isRefused(2, "").errorLines()).hasSize(1);
  }

  private Ended prune(String option, String value) {
    return InProcess.line(
        "prune --model %s --output %s --method magnitude --dry-run --json --backend cpu %s",
        TestData.TINY_LLAMA, directory.resolve("out"), option + "=" + value);
  }

  private void assertRefused(String option, String value) {
    Ended result = prune(option, value);
    assertThat(result.exitCode()).as(result.err()).isEqualTo(2);
    assertThat(result.out()).isEmpty();
    assertThat(result.err())
        .contains("expected")
        .contains(value.strip())
        .doesNotContain("Exception");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0:4", "4:4", "5:4", "2:0", "0:0", "0:1", "1:1", "-1:4", "2:-4", "2:4:8",
        "2/4", "2", ":4", "2:", "2.0:4", "+2:4", " 2:4", "2 :4", "99999999999:4", "2:99999999999",
        "1000000:1000001", "4:2", "2147483647:2147483648", "0x2:4", "٢:٤", "2:4\n", "two:four",
            "NaN:4"
      })
  void patterns(String pattern) {
    assertRefused("--pattern", pattern);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "NaN",
        "nan",
        "Infinity",
        "inf",
        "-Infinity",
        "1",
        "1.0",
        "1.5",
        "2",
        "50",
        "-0.1",
        "-1",
        "1e400",
        "1e-400",
        "-1e-400",
        "1e999",
        "0.99999999999999999999",
        "0x1p-1",
        "0.5f",
        "0.5d",
        ".",
        "e",
        "1e",
        "0.5.5",
        "half",
        "1e999999999",
        "1e99999999999",
        "٠.٥"
      })
  void fractions(String fraction) {
    assertRefused("--sparsity", fraction);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-0.0", "0.5", ".5", "5e-1", "0.", "+0.5", "0.9999999"})
  void fractionsThatMakeSense(String fraction) {
    Ended result = prune("--sparsity", fraction).succeeds();
    assertThat(result.json().get("amount").asText()).doesNotContain("-");
  }
}
