package io.github.wandacuda.system;

/** Work that falls into numbered tasks, which may run side by side and in any order. */
public interface Job {

  /**
   * Returns what the tasks queue up for when they run side by side, a file that they write for
   * example. Jobs with equal lanes hinder each other.
   */
  Object lane();

  /** Returns how many tasks there are. */
  int tasks();

  /**
   * Does one task.
   *
   * @param worker as for {@link WorkerPool.Body}
   * @param task which one, from 0
   */
  void run(int worker, int task);
}
