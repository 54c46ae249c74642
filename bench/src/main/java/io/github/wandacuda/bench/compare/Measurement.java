package io.github.wandacuda.bench.compare;

/** How the rows of a group are measured. */
@FunctionalInterface
interface Measurement {
  /**
   * Measures a row, after its result was checked.
   *
   * @throws NotRunException if something that it needs isn't here
   * @throws IllegalStateException if a result is wrong
   */
  Outcome measure(Row row, Place place, Pairs pairs);
}
