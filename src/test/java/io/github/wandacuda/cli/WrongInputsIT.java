package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Tier;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
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
 * exit code, and the line, which says where, what is wrong, and what to do. Every fiftieth runs as
 * a process, with the profile all every tenth, the others in this one.
 */
class WrongInputsIT {
  private static final int EACH_AS_PROCESS = Tier.isAll() ? 10 : 50;

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
    Ended result = process ? Cli.run(words) : InProcess.run(words);
    assertThat(result.err().strip()).isEqualTo("wanda-cuda: " + filled(line));
    assertThat(result.exitCode()).isEqualTo(Integer.parseInt(exitCode));
    assertThat(result.out()).isEmpty();
    assertThat(place.resolve("out").resolve("config.json")).doesNotExist();
    assertThat(place.resolve("out").resolve("wanda-cuda.json")).doesNotExist();
    assertThat(files.resolve("file")).hasContent("not to be lost");
    assertThat(files.resolve("full/mine")).hasContent("not to be lost");
  }

  /** The table of wrong inputs: each a command, and below it the exit code and the line. */
  private static final class WrongInputs {
    private WrongInputs() {}

    /** Returns command, exit code and line of each. */
    public static List<String[]> read() throws IOException {
      List<String[]> cases = new ArrayList<>();
      try (var in = WrongInputs.class.getResourceAsStream("wrong-inputs.txt")) {
        String command = null;
        for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
          if (line.startsWith("$ ")) {
            command = line.substring(2);
          } else if (!line.isBlank() && !line.startsWith("#")) {
            cases.add(new String[] {command, line.substring(0, 1), line.substring(2)});
          }
        }
      }
      return cases;
    }

    /** Puts in what the table abbreviates. */
    public static String filled(String text, Path files, Path output) {
      return text.replace("{model}", TestData.TINY_LLAMA.toString())
          .replace("{norms}", TestData.GOLDEN.resolve("wanda-50.statistics.safetensors").toString())
          .replace("{text}", "testdata/text/heldout.txt")
          .replace("{cache}", HubCache.of(System.getenv()).root().toString())
          .replace("{files}", files.toString())
          .replace("{out}", output.toString());
    }
  }
}
