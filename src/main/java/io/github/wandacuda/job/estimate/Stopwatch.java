package io.github.wandacuda.job.estimate;

import io.github.wandacuda.calibration.Progress;
import java.time.Duration;

/**
 * Takes the time of work by doing it again until it gets no faster: Java's code is compiled while
 * it runs, and before that may take a hundred times as long. All measurements together take about
 * as long as was given, but for work that takes longer once.
 */
public final class Stopwatch {
  /** As long as anybody likes to wait for an estimate. */
  public static final Duration MOST = Duration.ofSeconds(9);

  /** The part of the time left that one measurement takes at most. */
  private static final int PART = 4;

  /** Work has settled once it was this often in turn no faster than by a fifth. */
  private static final int SETTLED_TIMES = 3;

  private static final double FASTER = 0.8;

  private final Progress progress;
  private final double most;
  private final long begin = System.nanoTime();
  private double lost;

  public Stopwatch(Duration most, Progress progress) {
    this.most = most.toNanos() / 1e9;
    this.progress = progress;
    progress.begin(0);
  }

  /**
   * Returns the least seconds that work took.
   *
   * @param times how often the run does it: it isn't done more often here, since a short run
   *     doesn't get to faster code either
   */
  public double seconds(Runnable work, double times) {
    double start = passed();
    double end = start + (most - start) / PART;
    double least = Double.POSITIVE_INFINITY;
    int done = 0;
    int settled = 0;
    double now = start;
    do {
      double before = now;
      work.run();
      now = passed();
      settled = now - before < FASTER * least ? 0 : settled + 1;
      least = Math.min(least, now - before);
      done++;
      progress.within(
          "measuring, second", Math.round(now), Math.round(most), Math.min(1, now / most));
    } while (now < end && now - start < times * least && settled < SETTLED_TIMES);
    lost += now - start - done * least;
    return least;
  }

  /** Returns the seconds that were lost to code that wasn't compiled yet and to first reads. */
  public double lost() {
    return lost;
  }

  private double passed() {
    return (System.nanoTime() - begin) / 1e9;
  }
}
