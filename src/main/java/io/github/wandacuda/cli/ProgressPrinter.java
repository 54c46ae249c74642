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
 * <p>The remaining time is estimated from two paces: that in the latter half of the time since the
 * first step, and that in its last quarter. What came before is slower by up to twenty times, since
 * its code wasn't compiled yet: an interrupted run that goes on would be told hours for its last
 * minutes. If the two differ, a range is shown. It isn't shown in the ten seconds after the first
 * step.
 */
final class ProgressPrinter implements Progress {
  private static final Duration TERMINAL_INTERVAL = Duration.ofMillis(100);
  private static final Duration PLAIN_INTERVAL = Duration.ofSeconds(10);

  /** A pace over less time is too uncertain. */
  private static final double LEAST_SECONDS = 10;

  /** The parts of the time after which the two paces begin. */
  private static final double HALF = 0.5;

  private static final double LAST_QUARTER = 0.75;

  /** A rate over less time jumps. */
  private static final double LEAST_RATE_SECONDS = 1;

  private static final double GIGABYTE = 1e9;
  private static final double MEGABYTE = 1e6;

  /** Estimates that differ by more than this factor are no help. */
  private static final double UNCERTAIN = 4;

  private static final int BAR = 20;

  /** Estimates that differ by less than this factor are shown as one time. */
  private static final double ALIKE = 1.5;

  private final Stderr err;
  private final boolean terminal;
  private final LongSupplier nanos;
  private final long start;
  private final Deque<Mark> marks = new ArrayDeque<>();
  private Mark begin;
  private long shown;
  private long bytes;
  private Pass pass;

  private record Mark(long nanos, double share) {}

  /** The parts of a step that came first, from which their rate is counted. */
  private record Pass(String what, long nanos, long done) {}

  public ProgressPrinter(Stderr err, boolean terminal) {
    this(err, terminal, System::nanoTime);
  }

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
    begin = new Mark(nanos.getAsLong(), share);
  }

  @Override
  public void bytes(long all) {
    bytes = all;
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
    if (begin == null) {
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
    double seconds = seconds(begin.nanos(), now);
    if (bytes == 0 || seconds < LEAST_RATE_SECONDS) {
      return "";
    }
    double rate = (share - begin.share()) * bytes / seconds;
    return rate < GIGABYTE
        ? ", %s MB/s".formatted(number(rate / MEGABYTE))
        : ", %s GB/s".formatted(number(rate / GIGABYTE));
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value < 100 ? "%.1f" : "%.0f", value);
  }

  private String left(long now, double share) {
    if (seconds(marks.getFirst().nanos(), now) < LEAST_SECONDS) {
      return "";
    }
    double half = left(lastWithin(HALF, now), now, share);
    double quarter = left(lastWithin(LAST_QUARTER, now), now, share);
    double least = Math.min(half, quarter);
    double most = Math.max(half, quarter);
    // Nothing was done lately, or paces differ too much.
    if (!Double.isFinite(most) || most > UNCERTAIN * least) {
      return "";
    }
    return most <= ALIKE * least
        ? ", about %s left".formatted(time(quarter))
        : ", %s to %s left".formatted(time(least), time(most));
  }

  /** Returns the last mark within a part of the time since the first step. */
  private Mark lastWithin(double part, long now) {
    Mark last = marks.getFirst();
    double end = part * (now - last.nanos()) + last.nanos();
    for (Mark mark : marks) {
      if (mark.nanos() > end) {
        break;
      }
      last = mark;
    }
    return last;
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
