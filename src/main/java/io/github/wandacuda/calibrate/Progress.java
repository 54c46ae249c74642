package io.github.wandacuda.calibrate;

/** Receives the progress of long work. Called from one thread at a time. */
@FunctionalInterface
public interface Progress {
  /** Ignores all progress. */
  Progress NONE = (what, done, total) -> {};

  /**
   * Called when a step is done.
   *
   * @param what the kind of step, such as {@code block}
   * @param done number of steps done, this one included
   * @param total number of all steps
   */
  void step(String what, long done, long total);

  /**
   * Called when a step is done, instead of {@link #step(String, long, long)}, if steps are unequal.
   *
   * @param share how much of all work is done, from 0 to 1
   */
  default void step(String what, long done, long total, double share) {
    step(what, done, total);
  }

  /**
   * Called when the first step begins.
   *
   * @param share how much of all work an interrupted run has done before, from 0 to 1
   */
  default void begin(double share) {}

  /**
   * Returns the progress of one of several equal parts of the work; whose beginning has to be told
   * to this one.
   *
   * @param index of the part, from 0
   * @param count of all parts
   */
  default Progress part(int index, int count) {
    return (what, done, total) ->
        step(what, index * total + done, count * total, (index + (double) done / total) / count);
  }
}
