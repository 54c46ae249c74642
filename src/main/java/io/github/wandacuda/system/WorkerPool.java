package io.github.wandacuda.system;

import io.github.wandacuda.error.CancelledException;

/** Threads that do numbered tasks together with the caller, which is worker 0. */
public interface WorkerPool {
  @FunctionalInterface
  interface Body {
    /**
     * Does one task.
     *
     * @param worker the number of the worker, from 0; two tasks of one worker never run together
     */
    void run(int worker, int task);
  }

  @FunctionalInterface
  interface RangeBody {
    /**
     * Does one range.
     *
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
   * @throws CancelledException if the calling thread is interrupted, whatever a task throws; tasks
   *     that have begun are finished
   * @throws RuntimeException the exception of the first task that failed; tasks that had not begun
   *     by then are skipped. An {@link Error} is thrown likewise
   */
  void run(int tasks, Body body);

  /** Runs {@code body} for ranges of {@code grain} items, the last one perhaps shorter. */
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
