package io.github.wandacuda.select.simd.rows;

/**
 * Guesses the limit of a row from the row before: that it stays, or that it moves with the mean of
 * the keys, as it does where rows differ in scale. Whichever has erred less is used. Keys grow with
 * the logarithm of a score, 128 for each factor of two.
 */
final class ThresholdGuess {
  /** The guess encloses most limits if it reaches this many times the usual error. */
  private static final int ERRORS = 4;

  /** The reach, times this, is what is kept: errors of some rows are averaged. */
  private static final int SCALE = 16;

  private static final int FIRST_REACH = 64;

  private int lastLimit;
  private int lastMean;
  private int mean;
  private long stayReach = FIRST_REACH * SCALE;
  private long moveReach = FIRST_REACH * SCALE;
  private boolean known;

  /** Turns to a row with this mean. */
  void turnTo(int rowMean) {
    mean = rowMean;
  }

  /** Returns where the row's limit should be; without a row before, near the middle of its keys. */
  long centre() {
    if (!known) {
      return mean;
    }
    return stayReach <= moveReach ? lastLimit : moved();
  }

  /** Returns how far from there it may well be. */
  long reach() {
    return Math.min(stayReach, moveReach) / SCALE;
  }

  /** Learns the row's limit. */
  void learn(int limit) {
    if (known) {
      stayReach = adjusted(stayReach, limit - (long) lastLimit);
      moveReach = adjusted(moveReach, limit - moved());
    }
    known = true;
    lastLimit = limit;
    lastMean = mean;
  }

  private long moved() {
    return (long) lastLimit + mean - lastMean;
  }

  private static long adjusted(long reach, long error) {
    return reach + ((ERRORS * SCALE * Math.abs(error) - reach) >> 3);
  }
}
