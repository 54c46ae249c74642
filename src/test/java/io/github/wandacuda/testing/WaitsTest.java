package io.github.wandacuda.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** No test waits for ever: one that hangs says nothing of where it does. */
class WaitsTest {
  /** Of processes, threads, latches and futures; {@code borrowed} is the program's own. */
  private static final Pattern ENDLESS =
      Pattern.compile("(?<!borrowed)\\s*[.](waitFor|join|await)[(][)]");

  @Test
  void everyWaitHasALimit() throws IOException {
    try (Stream<Path> files = Files.walk(Path.of("src/test/java"))) {
      List<String> endless =
          files
              .filter(file -> file.toString().endsWith(".java"))
              .filter(file -> ENDLESS.matcher(read(file)).find())
              .map(Path::toString)
              .toList();
      assertThat(endless).isEmpty();
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
