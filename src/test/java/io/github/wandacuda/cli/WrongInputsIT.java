package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What people get wrong, as the table {@code wrong-inputs.txt} beside this class: the command, the
 * exit code, and the line, which says where, what is wrong, and what to do. Every tenth runs as a
 * process, the others in this one.
 */
class WrongInputsIT {
  private static final int EACH_AS_PROCESS = 10;

  @TempDir static Path files;
  @TempDir Path place;

  @BeforeAll
  static void write() throws IOException {
    WrongFiles.write(files);
  }

  static Stream<Arguments> table() throws IOException {
    List<String[]> cases = WrongInputs.read();
    assertThat(cases).hasSizeGreaterThanOrEqualTo(100);
    return IntStream.range(0, cases.size())
        .mapToObj(
            i ->
                Arguments.of(
                    i % EACH_AS_PROCESS == 0, cases.get(i)[0], cases.get(i)[1], cases.get(i)[2]));
  }

  private String filled(String text) {
    return WrongInputs.filled(text, files, place.resolve("out"));
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("table")
  void oneLineSaysWhatIsWrong(boolean process, String command, String exitCode, String line) {
    Object[] words = Stream.of(command.split(" ")).map(this::filled).toArray();
    Cli.Result result = process ? Cli.run(words) : InProcess.run(words);
    assertThat(result.err().strip()).isEqualTo("wanda-cuda: " + filled(line));
    assertThat(result.exitCode()).isEqualTo(Integer.parseInt(exitCode));
    assertThat(result.out()).isEmpty();
    assertThat(place.resolve("out").resolve("config.json")).doesNotExist();
    assertThat(place.resolve("out").resolve("wanda-cuda.json")).doesNotExist();
    assertThat(files.resolve("file")).hasContent("not to be lost");
    assertThat(files.resolve("full/mine")).hasContent("not to be lost");
  }
}
