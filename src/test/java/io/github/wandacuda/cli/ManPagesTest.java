package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The man pages are what the program knows. {@code -Dcommands.write} writes them. */
class ManPagesTest {
  @Test
  void thePagesAreWhatTheProgramKnows() throws IOException {
    Map<String, String> pages = ManPages.pages();
    if (System.getProperty("commands.write") != null) {
      write(pages);
    }
    assertThat(committed())
        .as("mvn test -Dtest=ManPagesTest -Dcommands.write writes them anew")
        .isEqualTo(pages);
  }

  private static void write(Map<String, String> pages) throws IOException {
    Files.createDirectories(ManPages.DIRECTORY);
    for (String name : committed().keySet()) {
      Files.delete(ManPages.DIRECTORY.resolve(name));
    }
    for (Map.Entry<String, String> page : pages.entrySet()) {
      Files.writeString(ManPages.DIRECTORY.resolve(page.getKey()), page.getValue());
    }
  }

  private static Map<String, String> committed() throws IOException {
    Map<String, String> pages = new TreeMap<>();
    try (Stream<Path> files = Files.list(ManPages.DIRECTORY)) {
      for (Path file : files.toList()) {
        pages.put(file.getFileName().toString(), Files.readString(file));
      }
    }
    return pages;
  }
}
