package io.github.wandacuda.cli;

import io.github.wandacuda.calibration.Progress;
import java.io.PrintStream;
import java.time.Duration;

/**
 * Shows progress with the time left: on a terminal one line that is written over, elsewhere a line
 * now and then.
 */
final class ProgressPrinter implements Progress {
  private static final Duration TERMINAL_INTERVAL = Duration.ofMillis(100);
  private static final Duration PLAIN_INTERVAL = Duration.ofSeconds(10);

  private final PrintStream err;
  private final boolean terminal;
  private final long start = System.nanoTime();
  private long shown = start;
  private int width;

  ProgressPrinter(PrintStream err, boolean terminal) {
    this.err = err;
    this.terminal = terminal;
  }

  @Override
  public void step(String what, long done, long total) {
    long now = System.nanoTime();
    Duration interval = terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL;
    boolean last = done == total;
    if (now - shown < interval.toNanos() && !(last && width > 0)) {
      return;
    }
    shown = now;
    String line = line(what, done, total, (now - start) / 1e9);
    if (!terminal) {
      err.println(line);
      return;
    }
    String padding = " ".repeat(Math.max(0, width - line.length()));
    err.print("\r" + line + padding + (last ? System.lineSeparator() : ""));
    err.flush();
    width = last ? 0 : line.length();
  }

  private static String line(String what, long done, long total, double seconds) {
    String left =
        done == total ? "" : ", about %s left".formatted(time(seconds / done * (total - done)));
    return "%s %d of %d, %s%s".formatted(what, done, total, time(seconds), left);
  }

  private static String time(double seconds) {
    long whole = Math.round(seconds);
    return whole < 60
        ? whole + " s"
        : whole < 3600
            ? "%d min %02d s".formatted(whole / 60, whole % 60)
            : "%d h %02d min".formatted(whole / 3600, whole / 60 % 60);
  }
}
