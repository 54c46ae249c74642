package io.github.wandacuda.bench.compare;

/** Something that can be timed. */
@FunctionalInterface
interface Work {
  /** Does it so many times, one after the other, and returns the seconds that took. */
  double seconds(int times);

  /** Returns work that this thread does. */
  static Work of(Runnable once) {
    return times -> {
      long start = System.nanoTime();
      for (int i = 0; i < times; i++) {
        once.run();
      }
      return (System.nanoTime() - start) / 1e9;
    };
  }
}
