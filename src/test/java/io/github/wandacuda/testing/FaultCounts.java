package io.github.wandacuda.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * What the fault profile has done, for its summary: each line that is counted here is printed and
 * kept in {@code target/faults/counts.txt}.
 */
public final class FaultCounts {
  /** Where the counts are kept, a number and what it counts a line. */
  public static final Path FILE = Path.of("target", "faults", "counts.txt");

  private FaultCounts() {}

  /** Counts something, {@code kills survived} for example. */
  public static synchronized void add(long count, String what) {
    System.out.println("faults: " + count + " " + what);
    try {
      Files.createDirectories(FILE.getParent());
      Files.writeString(
          FILE, count + " " + what + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
