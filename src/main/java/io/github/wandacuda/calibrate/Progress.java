package io.github.wandacuda.calibrate;

/** Told how far long work has come. Called from one thread at a time. */
@FunctionalInterface
public interface Progress {
  /** Tells nobody. */
  Progress NONE = (what, done, total) -> {};

  /**
   * A step is done.
   *
   * @param what the kind of step, such as {@code block}
   * @param done steps that are done, counted from 1
   * @param total steps in all
   */
  void step(String what, long done, long total);

  /**
   * A step is done, as {@link #step(String, long, long)} tells, where steps are unequal.
   *
   * @param share how much of all work is done, from 0 to 1
   */
  default void step(String what, long done, long total, double share) {
    step(what, done, total);
  }

  /**
   * The steps begin now.
   *
   * @param share how much of all work was done before, by a run that is gone on with
   */
  default void begin(double share) {}
}
