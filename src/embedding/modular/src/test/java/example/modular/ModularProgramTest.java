package example.modular;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The program with modules, started on the module path alone. */
class ModularProgramTest {
  private static final Path MODEL = Path.of("testdata", "models", "tiny-llama");
  private static final Path STATISTICS =
      Path.of("testdata", "golden", "tiny-llama", "wanda-50.statistics.safetensors");

  /** With the Vector API and without: it is optional, and the masks are the same. */
  @ParameterizedTest
  @ValueSource(strings = {"java.base", "jdk.incubator.vector"})
  void itPrunes(String added, @TempDir Path directory) throws IOException, InterruptedException {
    Path recipe =
        Files.writeString(
            directory.resolve("half.yaml"), "stages:\n  - method: wanda\n    sparsity: 0.5\n");
    Path pruned = directory.resolve("pruned");
    String printed = run("--add-modules=" + added, MODEL, recipe, STATISTICS, pruned);
    assertTrue(printed.contains("in module io.github.wandacuda\n"), printed);
    assertTrue(printed.contains("2 of 4 pruned\n"), printed);
    String masks = printed.substring(printed.lastIndexOf("masks ") + 6).strip();
    String record = Files.readString(pruned.resolve("wanda-cuda.json"));
    assertTrue(record.contains('"' + masks + '"'), record);
    assertTrue(record.contains("\"0.2.0\""), record);
  }

  private static String run(String option, Path... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add(option);
    command.add("--enable-native-access=io.github.wandacuda");
    command.add("--module-path");
    command.add(modulePath());
    command.add("--module=example.modular/example.modular.ModularProgram");
    Arrays.stream(arguments).map(Path::toString).forEach(command::add);
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), printed);
    return printed;
  }

  /** Returns what Maven has resolved, but for the tests. */
  private static String modulePath() {
    return Arrays.stream(System.getProperty("java.class.path").split(java.io.File.pathSeparator))
        .filter(entry -> !entry.endsWith("test-classes"))
        .filter(entry -> !entry.contains("surefire"))
        .collect(Collectors.joining(java.io.File.pathSeparator));
  }
}
