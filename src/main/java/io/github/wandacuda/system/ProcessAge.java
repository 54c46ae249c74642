package io.github.wandacuda.system;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;

/**
 * How long this process has been there, whatever it has executed since. On Linux from what the
 * kernel counts since it was started; Java's own instant is rounded to a second there.
 */
public final class ProcessAge {
  private static final Path STAT = Path.of("/proc/self/stat");
  private static final Path UPTIME = Path.of("/proc/uptime");

  /** The ticks of a second, on every processor that the program runs on. */
  private static final double TICKS = 100;

  /** The number of the start among the words behind the program's name. */
  private static final int START = 19;

  private ProcessAge() {}

  /** Returns the age in seconds, 0 if nobody knows. */
  public static double seconds() {
    try {
      String stat = Files.readString(STAT);
      String[] words = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
      double now = Double.parseDouble(Files.readString(UPTIME).split(" ")[0]);
      return Math.max(0, now - Long.parseLong(words[START]) / TICKS);
    } catch (IOException | RuntimeException e) {
      return ProcessHandle.current()
          .info()
          .startInstant()
          .map(start -> Math.max(0, Duration.between(start, Instant.now()).toNanos() / 1e9))
          .orElse(0.0);
    }
  }
}
