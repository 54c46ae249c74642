package io.github.wandacuda.backend.cpu;

/**
 * Where the thresholds of a matrix's rows were, in bits of scores: about their mean, how far they
 * are from it, and how many elements there are to a bit around it.
 */
final class ThresholdTrend {
  /** A share of 1 / 2^n of each row's is taken. */
  private static final int CENTRE_SHARE = 2;

  private static final int ERROR_SHARE = 3;
  private static final double DENSITY_SHARE = 0.125;
  private static final long FIRST_ERROR = 8L << Short.SIZE;

  private long centre;
  private long error;
  private double density;

  /** Starts with a row's threshold, and how many of its elements share its upper half. */
  void start(int threshold, int sharing) {
    centre = threshold;
    error = FIRST_ERROR;
    density = Math.max(1, sharing) / (double) (1 << Short.SIZE);
  }

  /** Returns a score that the next row's threshold is not below, three times of four. */
  long low() {
    return centre - error + (error >> 2);
  }

  /** Returns how many elements there are to a bit. */
  double density() {
    return density;
  }

  /**
   * Learns from a row.
   *
   * @param threshold its threshold
   * @param count how many elements there are in {@code span} bits around it
   */
  void learn(int threshold, int count, int span) {
    error += (Math.abs(threshold - centre) - error) >> ERROR_SHARE;
    centre += (threshold - centre) >> CENTRE_SHARE;
    density += (Math.max(1, count) / (double) span - density) * DENSITY_SHARE;
  }
}
