package io.github.wandacuda.backend.gpu;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Loads the native halves of JCuda and JOCL safely. Both unpack a library into {@code
 * java.io.tmpdir} under a name that anybody can guess, and load whatever is there already; so they
 * are shown an empty directory that nobody else can write to.
 */
public final class NativeLoading {
  private static final String TEMPORARY = "java.io.tmpdir";

  private NativeLoading() {}

  /**
   * Runs code that makes a binding load its library.
   *
   * @throws UnsatisfiedLinkError if it can't
   */
  public static void inPrivateDirectory(Runnable load) {
    synchronized (NativeLoading.class) {
      Path directory = privateDirectory();
      String usual = System.setProperty(TEMPORARY, directory.toString());
      try {
        load.run();
      } finally {
        System.setProperty(TEMPORARY, usual);
        delete(directory);
      }
    }
  }

  private static Path privateDirectory() {
    try {
      return Files.createTempDirectory("wanda-cuda-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A library that is loaded needs its file no more, where the system lets it go. */
  private static void delete(Path directory) {
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : List.copyOf(files.toList())) {
        Files.deleteIfExists(file);
      }
      Files.deleteIfExists(directory);
    } catch (IOException e) {
      directory.toFile().deleteOnExit();
    }
  }
}
