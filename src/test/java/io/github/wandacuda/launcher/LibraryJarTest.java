package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The command line where the program's own classes are alone, as in the library's jar. */
class LibraryJarTest {
  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {"launcher.Launcher devices", "launcher.Launcher --help", "cli.Main prune"})
  void saysWhichJarToTake(String classAndCommand) throws Exception {
    String[] words = classAndCommand.split(" ");
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            Path.of("target/classes").toString(),
            "io.github.wandacuda." + words[0],
            words[1]);
    try (Started program = Started.start(directory, List.of(), command)) {
      assertThat(program.exitCode()).isEqualTo(1);
      assertThat(program.err().lines())
          .singleElement()
          .asString()
          .startsWith("wanda-cuda: this jar is the library")
          .contains(" take wanda-cuda.jar");
      assertThat(program.out()).isEmpty();
    }
  }
}
