package io.github.wandacuda.system;

/** Work that consists of numbered tasks, which may run at the same time and in any order. */
public interface Job {
  /**
   * Returns what the tasks compete for when they run at the same time, such as a file that they
   * write to. Jobs with equal resources slow each other down, so workers prefer jobs of different
   * ones. By default it is the job's class, for jobs that need the processor.
   */
  default Object resource() {
    return getClass();
  }

  /** Returns the number of tasks, 0 or more; it doesn't change. */
  int tasks();

  /**
   * Does one task.
   *
   * @param worker the number of the worker that does it, from 0; two tasks of one worker never run
   *     together
   * @param task the task's number, from 0
   */
  void run(int worker, int task);
}
