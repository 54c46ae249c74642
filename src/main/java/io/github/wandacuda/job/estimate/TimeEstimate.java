package io.github.wandacuda.job.estimate;

/**
 * An estimate of a time in seconds.
 *
 * @param least if all goes well
 * @param about the likely time
 * @param most with a slow disk
 */
public record TimeEstimate(double least, double about, double most) {
  /** The time in which a program starts and ends. */
  static final TimeEstimate START = new TimeEstimate(0.4, 1, 2);

  /** Factors of the measured time: at best, usually and at worst. */
  private static final double FASTER = 0.7;

  private static final double MOSTLY = 1.1;
  private static final double SLOWER = 1.6;

  /** Above this number of a unit, the time is told in the next larger unit. */
  private static final int LARGEST = 150;

  private static final double SIXTY = 60;

  /** Returns the estimate of work that took so many seconds when it was measured. */
  public static TimeEstimate ofWork(double seconds) {
    return new TimeEstimate(FASTER * seconds, MOSTLY * seconds, SLOWER * seconds);
  }

  public TimeEstimate plus(TimeEstimate other) {
    return new TimeEstimate(least + other.least, about + other.about, most + other.most);
  }

  TimeEstimate times(double factor) {
    return new TimeEstimate(least * factor, about * factor, most * factor);
  }

  /** Returns the time in words, such as {@code about 9 h (6 to 14 h)}. */
  public String text() {
    double unit = about <= LARGEST ? 1 : about <= LARGEST * SIXTY ? SIXTY : SIXTY * SIXTY;
    String name = unit == 1 ? "s" : unit == SIXTY ? "min" : "h";
    return "about %d %s (%d to %d %s)"
        .formatted(
            Math.round(about / unit),
            name,
            (long) Math.floor(least / unit),
            (long) Math.ceil(most / unit),
            name);
  }
}
