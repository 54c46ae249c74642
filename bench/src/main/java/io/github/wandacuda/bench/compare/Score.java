package io.github.wandacuda.bench.compare;

/** What of a row its floor and goal are about. */
enum Score {
  /** Our speed over the other's; more is better. */
  RATIO,
  /** The other's speed over ours: how many times slower; less is better. */
  SLOWDOWN,
  /** Our value itself; less is better. */
  VALUE;

  boolean moreIsBetter() {
    return this == RATIO;
  }

  /** Returns whether a score is as good as a bound. */
  boolean reaches(double score, double bound) {
    return moreIsBetter() ? score >= bound : score <= bound;
  }
}
