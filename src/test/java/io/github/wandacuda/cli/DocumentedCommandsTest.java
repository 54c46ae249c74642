package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.docs.Page;
import io.github.wandacuda.docs.ShellLine;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine.ParameterException;

/**
 * The commands in the README and on the site. Those of the program are parsed by it, and run if all
 * that they read lies in {@code testdata} or was made by a command before them; others name files,
 * profiles and tests that are there.
 */
class DocumentedCommandsTest {
  /** Tools of others, of which nothing more can be said. */
  private static final Set<String> TOOLS =
      Set.of("apt-get", "hf", "curl", "java", "llama-cli", "python3", "source");

  private static final Set<String> GOALS =
      Set.of("clean", "test", "package", "verify", "install", "site", "spotless:apply");

  private static final Set<String> READS =
      Set.of(
          """
          --model --calibration --data --statistics --text --tokens --dense --pruned
          --zeros-of\
          """
              .split("\\s+"));

  private static final String MADE = "target/";

  private static final Pattern TIMED =
      Pattern.compile(
          "seconds|_bytes\"|\"(total|start|prepare|allocate|calibrate|select|read_write|verify|complete|evaluate|other)\"|"
              + " in [0-9.]+ s ");

  @TempDir static Path made;

  /** What commands printed, since pages repeat some of them. */
  private static final Map<List<String>, Ended> RESULTS = new HashMap<>();

  static List<ShellLine> commands() {
    // The first steps make what other pages read.
    return Page.readmeAndSite().stream()
        .sorted(Comparator.comparing(page -> !page.file().endsWith("getting-started.md")))
        .flatMap(page -> page.blocks().stream())
        .filter(block -> Set.of("sh", "console", "text").contains(block.language()))
        .flatMap(block -> ShellLine.of(block).stream())
        .toList();
  }

  static Stream<ShellLine> programs() {
    return commands().stream().filter(ShellLine::isProgram);
  }

  static Stream<ShellLine> others() {
    return commands().stream().filter(line -> !line.isProgram());
  }

  @Test
  void thereAreCommands() {
    assertThat(programs()).hasSizeGreaterThan(20);
    assertThat(programs().filter(DocumentedCommandsTest::canRun)).hasSizeGreaterThan(10);
    assertThat(others()).hasSizeGreaterThan(10);
  }

  @ParameterizedTest
  @MethodSource("programs")
  void theProgramKnowsTheOptions(ShellLine line) {
    String[] words = line.arguments().toArray(String[]::new);
    assertThatCode(
            () -> {
              try {
                InProcess.commandLine(line.arguments()).parseArgs(words);
              } catch (ParameterException e) {
                // A text by its short name, which isn't in this machine's cache.
                assertThat(e).hasCauseInstanceOf(InputException.class);
              }
            })
        .doesNotThrowAnyException();
  }

  @ParameterizedTest
  @MethodSource("programs")
  @Thorough
  void runsAsShown(ShellLine line) {
    assumeTrue(canRun(line), "reads what isn't here");
    Ended result = RESULTS.computeIfAbsent(line.arguments(), DocumentedCommandsTest::run);
    boolean shouldFail = line.output().stream().anyMatch(text -> text.startsWith("wanda-cuda: "));
    if (line.exitCode().isPresent()) {
      assertThat(result.exitCode()).as(result.err()).isEqualTo(line.exitCode().getAsInt());
    } else {
      assertThat(result.exitCode() != 0).as(result.err()).isEqualTo(shouldFail);
    }
    if (line.block().language().equals("console")) {
      List<String> printed =
          Stream.of(result.out(), result.err())
              .flatMap(String::lines)
              .map(text -> text.replace(made + "/", MADE))
              .map(DocumentedCommandsTest::withoutTimes)
              .toList();
      assertThat(
              line.output().stream()
                  .filter(text -> !text.strip().equals("…") && !text.isBlank())
                  .map(DocumentedCommandsTest::withoutTimes))
          .isSubsetOf(printed);
    }
  }

  /** Leaves out what differs from run to run, and the device's name. */
  private static String withoutTimes(String line) {
    return TIMED.matcher(line).find()
        ? line.replaceAll("[0-9][0-9.]*(E-?[0-9]+)?", "0")
        : line.replaceAll("(\"device\" : ).*", "$1");
  }

  private static boolean canRun(ShellLine line) {
    List<String> arguments = line.arguments();
    for (int index = 0; index < arguments.size() - 1; index++) {
      String value = arguments.get(index + 1);
      if (READS.contains(arguments.get(index))
          && !value.startsWith("testdata/")
          && !value.startsWith(MADE)) {
        return false;
      }
    }
    return arguments.stream().anyMatch(READS::contains) && !arguments.contains("cuda");
  }

  /** Runs on the CPU, whatever the machine has, and writes to a folder of the test's own. */
  private static Ended run(List<String> given) {
    List<String> arguments =
        new ArrayList<>(
            given.stream()
                .map(
                    word ->
                        word.startsWith(MADE) ? made.resolve(word.substring(7)).toString() : word)
                .toList());
    if (Set.of("prune", "calibrate", "perplexity", "evaluate", "generate", "compare")
            .contains(given.getFirst())
        && !given.contains("--backend")) {
      arguments.addAll(List.of("--backend", "cpu"));
    }
    return InProcess.run(arguments);
  }

  @ParameterizedTest
  @MethodSource("others")
  void whatIsNamedIsThere(ShellLine line) throws IOException {
    String tool = line.words().getFirst();
    if (tool.equals("mvn")) {
      assertMaven(line.words().subList(1, line.words().size()));
    } else if (tool.contains("/")) {
      String script = tool.equals("./run.sh") ? "bench/gpu/run.sh" : tool;
      assertThat(Path.of(script)).isRegularFile().isExecutable();
    } else {
      assertThat(TOOLS).contains(tool);
    }
  }

  private static void assertMaven(List<String> words) throws IOException {
    for (int index = 0; index < words.size(); index++) {
      String word = words.get(index);
      if (word.equals("-f")) {
        index++;
        assertThat(Path.of(words.get(index))).exists();
      } else if (word.startsWith("-P")) {
        assertThat(Files.readString(Path.of("pom.xml")))
            .contains("<id>" + word.substring(2) + "</id>");
      } else if (word.startsWith("-Dtest=") || word.startsWith("-Dit.test=")) {
        for (String name : word.substring(word.indexOf('=') + 1).split(",")) {
          assertThat(isTest(name)).as(name).isTrue();
        }
      } else if (!word.startsWith("-")) {
        assertThat(GOALS).contains(word);
      }
    }
  }

  private static boolean isTest(String name) throws IOException {
    try (Stream<Path> files = Files.walk(Path.of("src/test/java"))) {
      return files.anyMatch(file -> file.getFileName().toString().equals(name + ".java"));
    }
  }
}
