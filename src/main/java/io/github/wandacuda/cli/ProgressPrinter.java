package io.github.wandacuda.cli;

import io.github.wandacuda.calibration.Progress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Shows progress with the remaining time: on a terminal as a bar in one line that is overwritten,
 * elsewhere in a line every ten seconds. The bar has a rate too: of the samples of a pass, or of
 * bytes where those are what the work goes through. Libraries for it show one pace alone, and write
 * their lines whatever else is written to the stream.
 *
 * <p>The remaining time is estimated from two paces: that since this run began, and that in the
 * latter half of the time, which isn't affected by uncompiled code or cached files at the start. If
 * the two differ, a range is shown. It isn't shown in the first five seconds.
 */
final class ProgressPrinter implements Progress {
  private static final Duration TERMINAL_INTERVAL = Duration.ofMillis(100);
  private static final Duration PLAIN_INTERVAL = Duration.ofSeconds(10);

  /** A pace over less time or fewer steps is too uncertain. */
  private static final double LEAST_SECONDS = 5;

  private static final int LEAST_STEPS = 2;

  /** A rate over less time jumps. */
  private static final double LEAST_RATE_SECONDS = 1;

  private static final double GIGABYTE = 1e9;
  private static final double MEGABYTE = 1e6;

  /** Estimates that differ by more than this factor are no help. */
  private static final double UNCERTAIN = 4;

  /** The width of a full bar. */
  private static final int BAR = 20;

  /** Estimates that differ by less than this factor are shown as one time. */
  private static final double ALIKE = 1.5;

  private final Stderr err;
  private final boolean terminal;
  private final LongSupplier nanos;
  private final long start;
  private final Deque<Mark> marks = new ArrayDeque<>();
  private long shown;
  private long bytes;
  private Pass pass;

  /** The share of the work that was done at a time. */
  private record Mark(long nanos, double share) {}

  /** The parts of a step that came first, from which their rate is counted. */
  private record Pass(String what, long nanos, long done) {}

  public ProgressPrinter(Stderr err, boolean terminal) {
    this(err, terminal, System::nanoTime);
  }

  /** Shows progress by another clock. */
  public ProgressPrinter(Stderr err, boolean terminal, LongSupplier nanos) {
    this.err = err;
    this.terminal = terminal;
    this.nanos = nanos;
    start = nanos.getAsLong();
    shown = start;
  }

  @Override
  public void begin(double share) {
    marks.clear();
    bytes = 0;
    pass = null;
    marks.add(new Mark(nanos.getAsLong(), share));
  }

  @Override
  public void bytes(long all) {
    bytes = all;
  }

  @Override
  public void step(String what, long done, long total) {
    step(what, done, total, (double) done / total);
  }

  @Override
  public void within(String what, long done, long total, double share) {
    if (pass == null || !pass.what().equals(what)) {
      pass = new Pass(what, nanos.getAsLong(), done);
    }
    show(what, done, total, share, false);
  }

  @Override
  public void step(String what, long done, long total, double share) {
    show(what, done, total, share, share >= 1);
  }

  private void show(String what, long done, long total, double share, boolean last) {
    long now = nanos.getAsLong();
    if (marks.isEmpty()) {
      begin(0);
    }
    marks.add(new Mark(now, share));
    Duration interval = terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL;
    if (now - shown < interval.toNanos() && !(last && err.isShowing())) {
      return;
    }
    shown = now;
    String left = last ? "" : left(now, share);
    String at = "%s %d of %d, %s".formatted(what, done, total, time(seconds(start, now)));
    if (terminal) {
      err.show(bar(share) + at + rate(what, done, share, now) + left, last);
    } else {
      err.printer().println(at + left);
    }
  }

  /** Returns a bar of ASCII, which every terminal has, and the share in percent. */
  private static String bar(double share) {
    int full = (int) Math.round(Math.clamp(share, 0, 1) * BAR);
    return "[%s%s] %3d %%  "
        .formatted("=".repeat(full), " ".repeat(BAR - full), (int) Math.floor(100 * share));
  }

  /** Returns how fast the parts of a step, or bytes, go by; nothing for a step as a whole. */
  private String rate(String what, long done, double share, long now) {
    if (pass != null && pass.what().equals(what)) {
      double seconds = seconds(pass.nanos(), now);
      return seconds < LEAST_RATE_SECONDS || done <= pass.done()
          ? ""
          : ", %s/s".formatted(number((done - pass.done()) / seconds));
    }
    Mark first = marks.getFirst();
    double seconds = seconds(first.nanos(), now);
    if (bytes == 0 || seconds < LEAST_RATE_SECONDS) {
      return "";
    }
    double rate = (share - first.share()) * bytes / seconds;
    return rate < GIGABYTE
        ? ", %s MB/s".formatted(number(rate / MEGABYTE))
        : ", %s GB/s".formatted(number(rate / GIGABYTE));
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value < 100 ? "%.1f" : "%.0f", value);
  }

  private String left(long now, double share) {
    Mark first = marks.getFirst();
    if (seconds(first.nanos(), now) < LEAST_SECONDS || marks.size() <= LEAST_STEPS) {
      return "";
    }
    double whole = left(first, now, share);
    double latter = left(half(first, now), now, share);
    double least = Math.min(whole, latter);
    double most = Math.max(whole, latter);
    if (most > UNCERTAIN * least) {
      return "";
    }
    return most <= ALIKE * least
        ? ", about %s left".formatted(time(latter))
        : ", %s to %s left".formatted(time(least), time(most));
  }

  /**
   * Returns the last mark of the first half of the time, but not the first of all: the first step
   * may take longer than many after it.
   */
  private Mark half(Mark first, long now) {
    Mark half = first;
    for (Mark mark : marks) {
      boolean early = mark.nanos() - first.nanos() <= (now - first.nanos()) / 2;
      if (!early && half != first) {
        break;
      }
      half = mark;
    }
    return half;
  }

  private static double left(Mark from, long now, double share) {
    return seconds(from.nanos(), now) / (share - from.share()) * (1 - share);
  }

  private static double seconds(long from, long to) {
    return (to - from) / 1e9;
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
