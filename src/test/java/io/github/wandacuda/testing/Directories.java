package io.github.wandacuda.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Directories as a whole. */
public final class Directories {
  private Directories() {}

  /** Fails unless two directories have the same files, hidden ones too, with the same bytes. */
  public static void assertSame(Path expected, Path found) {
    assertThat(files(found)).isEqualTo(files(expected));
    for (Path file : files(expected)) {
      assertThat(mismatch(expected.resolve(file), found.resolve(file)))
          .as("the first byte that differs in %s", file)
          .isEqualTo(-1);
    }
  }

  /** Returns all files, relative to the directory. */
  public static List<Path> files(Path directory) {
    try (Stream<Path> files = Files.walk(directory)) {
      return files.filter(Files::isRegularFile).map(directory::relativize).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Removes a directory, if it is there, and all that is in it. */
  public static void remove(Path directory) throws IOException {
    if (Files.exists(directory)) {
      try (Stream<Path> files = Files.walk(directory)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  private static long mismatch(Path one, Path other) {
    try {
      return Files.mismatch(one, other);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
