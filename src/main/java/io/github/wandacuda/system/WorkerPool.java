package io.github.wandacuda.system;

import io.github.wandacuda.error.CancelledException;

/** Threads that share out numbered tasks with the caller, who is worker 0 and works too. */
public interface WorkerPool {
  /** What is done for each task. */
  @FunctionalInterface
  interface Body {
    /**
     * Does one task.
     *
     * @param worker who does it, from 0; two tasks of the same worker never run at the same time
     * @param task which one, from 0
     */
    void run(int worker, int task);
  }

  /** What is done for each range. */
  @FunctionalInterface
  interface RangeBody {
    /**
     * Does one range.
     *
     * @param worker as for {@link Body}
     * @param from the first item
     * @param to the item after the last one
     */
    void run(int worker, int from, int to);
  }

  /** Returns the number of workers at most, the caller included. */
  int count();

  /**
   * Runs tasks 0 to {@code tasks - 1} and returns when all are done. Each worker takes the next one
   * as it becomes free. What the tasks wrote is visible to the caller afterwards.
   *
   * @throws CancelledException if the calling thread is interrupted, whatever a task made of it;
   *     tasks under way are finished
   * @throws RuntimeException what the first failing task threw, as it is; tasks that nobody had
   *     begun by then are left out. An {@link Error} likewise
   */
  void run(int tasks, Body body);

  /**
   * Runs {@code body} for ranges that together make up 0 to {@code items - 1}.
   *
   * @param items what is shared out
   * @param grain items of a range; the last one may be shorter
   */
  default void runRanges(int items, int grain, RangeBody body) {
    int ranges = Math.ceilDiv(items, grain);
    run(
        ranges,
        (worker, range) -> {
          int from = range * grain;
          body.run(worker, from, from + Math.min(grain, items - from));
        });
  }
}
