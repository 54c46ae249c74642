package io.github.wandacuda.calibration;

/** Receives the progress of long work. Called from one thread at a time. */
@FunctionalInterface
public interface Progress {
  Progress NONE = (what, done, total, share) -> {};

  /**
   * Called when a step is done.
   *
   * @param what the kind of step, such as {@code block}
   * @param done number of steps done, this one included
   * @param total number of all steps
   * @param share how much of all work is done, from 0 to 1
   */
  void step(String what, long done, long total, double share);

  /**
   * Called when one of several steps is done that take equally long.
   *
   * @param what the kind of step, such as {@code block}
   * @param done number of steps done, this one included
   * @param total number of all steps
   */
  default void step(String what, long done, long total) {
    step(what, done, total, (double) done / total);
  }

  /**
   * Called in the midst of a long step, as often as there is something new to tell.
   *
   * @param what the step, and the kind of its parts
   * @param done number of the step's parts that are done
   * @param total number of its parts
   * @param share how much of all work is done, from 0 to 1
   */
  default void within(String what, long done, long total, double share) {}

  /**
   * Called once, when the first step begins.
   *
   * @param share how much of all work an interrupted run has done before, from 0 to 1
   */
  default void begin(double share) {}

  /**
   * Called after {@link #begin} if the work is measured in bytes, so that a speed can be shown.
   *
   * @param all bytes of the work, those that an interrupted run has done included
   */
  default void bytes(long all) {}

  /**
   * Returns the progress of one of several equal parts of the work. It passes on steps and their
   * parts; the caller tells this progress itself that the work begins.
   *
   * @param name what the names of its steps begin with, such as {@code "before, "}
   * @param index of the part, from 0
   * @param count of all parts
   */
  default Progress part(String name, int index, int count) {
    Progress whole = this;
    return new Progress() {
      @Override
      public void step(String what, long done, long total, double share) {
        whole.step(name + what, index * total + done, count * total, (index + share) / count);
      }

      @Override
      public void within(String what, long done, long total, double share) {
        whole.within(name + what, done, total, (index + share) / count);
      }
    };
  }

  /**
   * Returns the progress of a part of the work that counts steps of its own.
   *
   * @param name what the names of its steps begin with, such as {@code "mix 2 of 9, "}
   * @param from how much of all work is done before the part
   * @param to how much of all work is done after it
   */
  default Progress within(String name, double from, double to) {
    Progress whole = this;
    return new Progress() {
      @Override
      public void step(String what, long done, long total, double share) {
        whole.step(name + what, done, total, from + share * (to - from));
      }

      @Override
      public void within(String what, long done, long total, double share) {
        whole.within(name + what, done, total, from + share * (to - from));
      }

      @Override
      public void begin(double share) {
        // The paces of the parts before it tell how long the rest will take, so they stay.
        if (from == 0) {
          whole.begin(share * to);
        }
      }
    };
  }
}
