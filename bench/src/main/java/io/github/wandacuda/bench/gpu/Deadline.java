package io.github.wandacuda.bench.gpu;

/**
 * A moment to be done by.
 *
 * @param nanos as {@link System#nanoTime} counts
 */
record Deadline(long nanos) {
  static Deadline in(double seconds) {
    return new Deadline(System.nanoTime() + (long) (seconds * 1e9));
  }

  /** Returns the seconds that are left, negative once it has passed. */
  double left() {
    return (nanos - System.nanoTime()) / 1e9;
  }
}
