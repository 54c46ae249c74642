package io.github.wandacuda.calibration;

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
}
