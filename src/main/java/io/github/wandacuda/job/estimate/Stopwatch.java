package io.github.wandacuda.job.estimate;

import io.github.wandacuda.calibration.Progress;
import java.time.Duration;

/**
 * Measures work by doing it again until it gets no faster: Java compiles code while it runs, and
 * until then the code may take a hundred times as long. All measurements together take about as
 * long as is given, unless a single piece of work takes longer.
 */
public final class Stopwatch {
  /** The time that measurements may take: an estimate should come within seconds. */
  public static final Duration MOST = Duration.ofSeconds(9);

  /** A measurement takes at most one part in so many of the time that is left. */
  private static final int PART = 4;

  /** Work has settled once it was so often in a row not faster by a fifth or more. */
  private static final int SETTLED_TIMES = 3;

  private static final double FASTER = 0.8;

  private final Progress progress;
  private final double most;
  private final long begin = System.nanoTime();
  private double lost;

  /**
   * Starts the time.
   *
   * @param most how long all measurements may take together
   * @param progress is told of them
   */
  public Stopwatch(Duration most, Progress progress) {
    this.most = most.toNanos() / 1e9;
    this.progress = progress;
    progress.begin(0);
  }

  /**
   * Measures work.
   *
   * @param work done once or several times
   * @param times how often the run does it: it isn't done more often here, since a short run
   *     doesn't get to compiled code either
   * @return the least seconds that it took
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

  /**
   * Returns the seconds by which the first repetitions took longer, since code wasn't compiled and
   * files weren't read yet.
   */
  public double lost() {
    return lost;
  }

  private double passed() {
    return (System.nanoTime() - begin) / 1e9;
  }
}
