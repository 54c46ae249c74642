package io.github.wandacuda;

/** Hears how far a call is. */
@FunctionalInterface
public interface PruneProgress {
  /**
   * Takes note of rows that are done. Called after every few rows from whichever of the call's
   * threads did them, so calls may come at the same time and overtake each other. What it throws
   * ends the pruning.
   *
   * @param done rows done so far
   * @param total rows of the matrix
   */
  void rowsDone(long done, long total);
}
