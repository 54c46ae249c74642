package io.github.wandacuda.system;

import io.github.wandacuda.error.CancelledException;

/** Threads that do numbered tasks together with the caller, which is worker 0. */
public interface WorkerPool {
  /** The work of each task. */
  @FunctionalInterface
  interface Body {
    /**
     * Does one task.
     *
     * @param worker the number of the worker, from 0; two tasks of one worker never run together
     * @param task the number of the task, from 0
     */
    void run(int worker, int task);
  }

  /** The work of each range. */
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

  /** Returns the most workers of a call, the caller included; at least 1. */
  int count();

  /**
   * Runs tasks 0 to {@code tasks - 1} and returns when all are done. Each worker takes the next
   * task as it becomes free. What the tasks wrote is visible to the caller afterwards.
   *
   * @param tasks 0 or more
   * @param body safe for use by several threads
   * @throws CancelledException if the calling thread is interrupted, whatever a task throws; tasks
   *     that have begun are finished
   * @throws RuntimeException the exception of the first task that failed; tasks that had not begun
   *     by then are skipped. An {@link Error} is thrown likewise
   */
  void run(int tasks, Body body);

  /**
   * Runs {@code body} for ranges that together make up 0 to {@code items - 1}, and returns when all
   * are done.
   *
   * @param items 0 or more
   * @param grain items of a range, 1 or more; the last range may be shorter
   * @throws CancelledException if the calling thread is interrupted, as {@link #run} does
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
