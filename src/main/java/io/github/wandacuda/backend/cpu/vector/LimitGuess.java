package io.github.wandacuda.backend.cpu.vector;

/**
 * Guesses the limit of a row from the row before: that it stays, or that it moves with the mean of
 * the keys, as it does where rows differ in scale. Whichever has erred less is used.
 */
final class LimitGuess {
  /** The guess encloses most limits if it reaches this many times the usual error. */
  private static final int ERRORS = 4;

  private boolean known;
  private int lastLimit;
  private int lastMean;
  private int mean;
  private long stayReach;
  private long moveReach;

  /** Turns to a row with this mean. */
  void turnTo(int rowMean) {
    mean = rowMean;
  }

  /** Returns whether there was a row before. */
  boolean known() {
    return known;
  }

  /** Returns a limit that is probably not above the row's. */
  long low() {
    return centre() - reach();
  }

  /** Returns a limit that is probably above the row's. */
  long high() {
    return centre() + reach() + 1;
  }

  /** Learns the row's limit. */
  void learn(int limit) {
    if (known) {
      stayReach = adjusted(stayReach, limit - (long) lastLimit);
      moveReach = adjusted(moveReach, limit - moved());
    } else {
      stayReach = (long) limit >>> 8;
      moveReach = stayReach;
    }
    known = true;
    lastLimit = limit;
    lastMean = mean;
  }

  private long centre() {
    return stayReach <= moveReach ? lastLimit : moved();
  }

  private long reach() {
    return Math.min(stayReach, moveReach);
  }

  private long moved() {
    return (long) lastLimit + mean - lastMean;
  }

  private static long adjusted(long reach, long error) {
    return reach + ((ERRORS * Math.abs(error) - reach) >> 3);
  }
}
