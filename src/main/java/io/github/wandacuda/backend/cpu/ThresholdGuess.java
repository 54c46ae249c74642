package io.github.wandacuda.backend.cpu;

/**
 * Guesses the threshold of a row from the row before: that it is the same, or that it moves with
 * the mean of the keys, as it does where rows differ in scale. Whichever has erred less is used.
 * Keys grow with the logarithm of a score, 128 for each factor of two.
 */
final class ThresholdGuess {
  /** The guess encloses most thresholds if it reaches this many times the usual error. */
  private static final int ERRORS = 4;

  /** The reach, times this, is what is kept: errors of some rows are averaged. */
  private static final int SCALE = 16;

  private static final int FIRST_REACH = 64;

  private int lastThreshold;
  private int lastMean;
  private int mean;
  private long stayReach = FIRST_REACH * SCALE;
  private long moveReach = FIRST_REACH * SCALE;
  private boolean known;

  /** Turns to a row with this mean. */
  void turnTo(int rowMean) {
    mean = rowMean;
  }

  /**
   * Returns where the row's threshold should be; without a row before, near the middle of its keys.
   */
  long centre() {
    if (!known) {
      return mean;
    }
    return stayReach <= moveReach ? lastThreshold : moved();
  }

  /** Returns how far from there it may well be. */
  long reach() {
    return Math.min(stayReach, moveReach) / SCALE;
  }

  /** Learns the row's threshold. */
  void learn(int threshold) {
    if (known) {
      stayReach = adjusted(stayReach, threshold - (long) lastThreshold);
      moveReach = adjusted(moveReach, threshold - moved());
    }
    known = true;
    lastThreshold = threshold;
    lastMean = mean;
  }

  private long moved() {
    return (long) lastThreshold + mean - lastMean;
  }

  private static long adjusted(long reach, long error) {
    return reach + ((ERRORS * SCALE * Math.abs(error) - reach) >> 3);
  }
}
