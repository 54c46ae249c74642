package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.Words;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The command line where the program's own classes are alone, as in the library's jar. */
class LibraryJarTest {
  @ParameterizedTest
  @ValueSource(
      strings = {"launcher.Launcher devices", "launcher.Launcher --help", "cli.Main prune"})
  void saysWhichJarToTake(String classAndCommand) {
    String[] words = classAndCommand.split(" ");
    Ended program =
        Command.java(
                Words.of(
                    "--enable-native-access=ALL-UNNAMED -cp target/classes %s %s",
                    "io.github.wandacuda." + words[0], words[1]))
            .run()
            .endsWith(1);
    assertThat(program.err().lines())
        .singleElement()
        .asString()
        .startsWith("wanda-cuda: this jar is the library")
        .contains(" take wanda-cuda.jar");
    assertThat(program.out()).isEmpty();
  }
}
