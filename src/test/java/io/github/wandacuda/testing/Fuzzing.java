package io.github.wandacuda.testing;

import io.github.wandacuda.error.WandaException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

/**
 * What every fuzz test does: it gives bytes to a reader as a file, which may refuse them in one
 * line, and in no other way.
 */
public final class Fuzzing {
  private static final Pattern MORE_THAN_A_LINE = Pattern.compile("[\\r\\n\\u2028\\u2029]");

  private final Path folder;

  /** Makes room for the files. */
  public Fuzzing() {
    try {
      folder = Files.createTempDirectory("fuzz");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads a file. */
  @FunctionalInterface
  public interface Reader {
    /** Reads it, or throws what a user would be told. */
    void read(Path file) throws IOException;
  }

  /**
   * Gives bytes to a reader.
   *
   * @param name of the file that holds them
   */
  public void run(byte[] bytes, String name, Reader reader) throws IOException {
    Path file = folder.resolve(name);
    Files.write(file, bytes);
    try {
      reader.read(file);
    } catch (WandaException e) {
      if (MORE_THAN_A_LINE.matcher(e.getMessage()).find() || e.getMessage().length() > 10_000) {
        throw new AssertionError("not one clear line: " + e.getMessage(), e);
      }
    }
  }
}
