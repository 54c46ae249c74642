package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Numbers that make no sense are usage errors, told at once. */
class AbsurdNumbersTest {
  private static final Duration AT_ONCE = Duration.ofSeconds(20);

  private static final List<String> NUMBERS =
      List.of("0", "-1", "20000000", "2147483647", "2147483648", "9223372036854775808", "x", "");

  /** Options that take a whole number, with all of which the numbers are absurd. */
  private static final List<String> OPTIONS =
      List.of(
          "prune --threads",
          "prune --samples",
          "prune --sequence-length",
          "calibrate --threads",
          "calibrate --samples",
          "calibrate --sequence-length",
          "perplexity --threads",
          "perplexity --sequence-length",
          "verify --pattern",
          "prune --pattern");

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
    "prune --device, -1",
    "prune --device, 2147483648",
    "prune --device, 9223372036854775808",
    "prune --device, x",
    "prune --seed, 9223372036854775808",
    "prune --seed, 1.5",
    "prune --sparsity, -1",
    "prune --sparsity, 1",
    "prune --sparsity, NaN",
    "prune --sparsity, 1e999",
    "verify --sparsity, -Infinity",
    "prune --pattern, 0:0",
    "prune --pattern, -1:4",
    "prune --pattern, 4:2",
    "prune --pattern, 2:9223372036854775808",
    "prune --pattern, 2147483647:2147483648",
    "prune --threads, 100000"
  })
  void otherNumbers(String option, String number) {
    assertUsage(option, number);
  }

  private void assertUsage(String option, String number) {
    String[] words = option.split(" ");
    List<Object> arguments = new ArrayList<>(List.of(words[0], words[1], number));
    Path text = Path.of("testdata/text/calibration.txt");
    List<Object> model = List.of("--model", TestData.TINY_LLAMA);
    switch (words[0]) {
      case "prune" -> {
        arguments.addAll(model);
        arguments.addAll(List.of("--output", directory.resolve("out"), "--calibration", text));
      }
      case "calibrate" -> {
        arguments.addAll(model);
        arguments.addAll(List.of("--output", directory.resolve("norms"), "--calibration", text));
      }
      case "perplexity" -> {
        arguments.addAll(model);
        arguments.addAll(List.of("--text", text));
      }
      default ->
          arguments.addAll(
              List.of("--dense", TestData.TINY_LLAMA, "--pruned", TestData.TINY_LLAMA));
    }
    Cli.Result result =
        Assertions.assertTimeoutPreemptively(
            AT_ONCE, () -> InProcess.run(arguments.toArray()), "time for " + arguments);
    assertThat(result.exitCode()).as("%s %s: %s", option, number, result.err()).isEqualTo(2);
    assertThat(result.errorLines()).singleElement().asString().startsWith("wanda-cuda: ");
  }
}
