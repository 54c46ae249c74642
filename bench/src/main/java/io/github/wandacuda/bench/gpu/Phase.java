package io.github.wandacuda.bench.gpu;

/** A part of the benchmarks that can be run alone. */
interface Phase {
  /**
   * Runs it.
   *
   * @param result takes what was found
   */
  void run(PhaseResult result);
}
