package io.github.wandacuda.job;

import io.github.wandacuda.calibration.Progress;
import java.time.Duration;

/**
 * Takes the time of work by doing it again and again, for so long in all; but not for longer than
 * the run would take over it, which wouldn't get to faster code either.
 */
final class Stopwatch {
  /** As long as anybody likes to wait for an estimate. */
  static final Duration MOST = Duration.ofSeconds(9);

  /** The part of all the time until which code has been compiled. */
  private static final int LEAST_PART = 10;

  /** Seconds after which work that hasn't become faster is taken to be compiled. */
  private static final double COMPILED = 1;

  /** The part of all the time after which it is measured as it is. */
  private static final int COMPILING_PART = 3;

  /** The part of the time left that one measurement takes at most. */
  private static final int MOST_PART = 2;

  /** Times have settled once none is below this share of the least one before. */
  private static final double SETTLED = 0.8;

  private static final int SETTLED_TIMES = 3;

  private final Progress progress;
  private final double most;
  private final long begin = System.nanoTime();
  private double warmUp;

  /** Starts; all work takes about so long at the most, but for work that takes longer once. */
  Stopwatch(Duration most, Progress progress) {
    this.most = most.toNanos() / 1e9;
    this.progress = progress;
    progress.begin(0);
  }

  /**
   * Does little work by the code that is measured then, until that has most likely been compiled:
   * before, it may take a hundred times as long. The run does so many times as much.
   */
  void compile(Runnable little, double times) {
    double start = passed();
    double end = start + most / COMPILING_PART;
    double least = Double.POSITIVE_INFINITY;
    double faster = start;
    double now = start;
    while (now < end && now - faster < COMPILED && now - start < times * least) {
      double before = now;
      little.run();
      now = passed();
      if (now - before < SETTLED * least) {
        faster = now;
      }
      least = Math.min(least, now - before);
      tell(now);
    }
    warmUp += passed() - start;
  }

  /**
   * Returns the seconds that work takes once its code is compiled and its file is in memory. The
   * run does so many times as much.
   */
  double seconds(Runnable work, double times) {
    double start = passed();
    double least = Double.POSITIVE_INFINITY;
    int done = 0;
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
      done++;
      tell(now);
    } while (now < tooMuch
        && now - start < times * least
        && (now < enough || settled < SETTLED_TIMES));
    warmUp += now - start - done * least;
    return least;
  }

  /** Returns the seconds that were lost to code that wasn't compiled yet and to first reads. */
  double warmUp() {
    return warmUp;
  }

  private void tell(double now) {
    progress.within(
        "measuring, second", Math.round(now), Math.round(most), Math.min(1, now / most));
  }

  private double passed() {
    return (System.nanoTime() - begin) / 1e9;
  }
}
