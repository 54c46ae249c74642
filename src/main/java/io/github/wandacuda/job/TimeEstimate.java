package io.github.wandacuda.job;

import java.util.OptionalDouble;

/**
 * How long a run is likely to take.
 *
 * @param least seconds where everything goes well
 * @param most seconds where the disk is slow
 */
public record TimeEstimate(double least, double most) {
  /** A figure that may be off by more says nothing. */
  private static final double MOST_OFF = 3;

  /** Returns one figure, in the middle, if it can't be off by more than a factor of 3. */
  public OptionalDouble seconds() {
    return most <= MOST_OFF * MOST_OFF * least
        ? OptionalDouble.of(Math.sqrt(least * most))
        : OptionalDouble.empty();
  }
}
