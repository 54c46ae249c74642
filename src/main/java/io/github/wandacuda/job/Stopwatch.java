package io.github.wandacuda.job;

import io.github.wandacuda.calibrate.Progress;
import java.time.Duration;

/** Takes the time of work by doing it again and again, for so long in all. */
final class Stopwatch {
  /** As long as anybody likes to wait for an estimate. */
  static final Duration MOST = Duration.ofSeconds(8);

  /** The part of all the time until which code has been compiled. */
  private static final int LEAST_PART = 10;

  /** The part of the time left that one measurement takes at most. */
  private static final int MOST_PART = 2;

  /** Times have settled once none is below this share of the least one before. */
  private static final double SETTLED = 0.8;

  private static final int SETTLED_TIMES = 3;

  private final Progress progress;
  private final double most;
  private final long begin = System.nanoTime();
  private double warmUp;

  /**
   * Starts.
   *
   * @param most how long it may take in all, but for work that takes longer once
   * @param progress is told how much of that is over
   */
  Stopwatch(Duration most, Progress progress) {
    this.most = most.toNanos() / 1e9;
    this.progress = progress;
    progress.begin(0);
  }

  /** Returns the seconds that work takes once its code is compiled and its file is in memory. */
  double seconds(Runnable work) {
    double start = passed();
    double least = Double.POSITIVE_INFINITY;
    int times = 0;
    int settled = 0;
    double enough = start + most / LEAST_PART;
    double tooMuch = start + (most - start) / MOST_PART;
    double now = start;
    do {
      double before = now;
      work.run();
      now = passed();
      settled = now - before < SETTLED * least ? 0 : settled + 1;
      least = Math.min(least, now - before);
      times++;
      progress.within(
          "measuring, second", Math.round(now), Math.round(most), Math.min(1, now / most));
    } while (now < tooMuch && (now < enough || settled < SETTLED_TIMES));
    warmUp += now - start - times * least;
    return least;
  }

  /** Returns the seconds that were lost to code that wasn't compiled yet and to first reads. */
  double warmUp() {
    return warmUp;
  }

  private double passed() {
    return (System.nanoTime() - begin) / 1e9;
  }
}
