package io.github.wandacuda.system;

/** Work that consists of numbered tasks, which may run at the same time and in any order. */
public interface Job {
  /**
   * Returns what the tasks compete for when they run at the same time, such as a file that they
   * write to; those of one kind for the processor. Jobs with equal resources slow each other down.
   */
  default Object resource() {
    return getClass();
  }

  int tasks();

  /**
   * Does one task.
   *
   * @param task the task's number, from 0
   */
  void run(int worker, int task);
}
