package io.github.wandacuda.system;

import java.util.concurrent.atomic.AtomicInteger;

/** A job that calls back when all of its tasks are done. */
public record Counted(Job job, Runnable done, AtomicInteger left) implements Job {
  /**
   * Wraps a job.
   *
   * @param job whose number of tasks doesn't change
   * @param done called once, by the worker that ends the last task; never if there is no task
   */
  public Counted(Job job, Runnable done) {
    this(job, done, new AtomicInteger(job.tasks()));
  }

  @Override
  public Object resource() {
    return job.resource();
  }

  @Override
  public int tasks() {
    return job.tasks();
  }

  @Override
  public void run(int worker, int task) {
    job.run(worker, task);
    if (left.decrementAndGet() == 0) {
      done.run();
    }
  }
}
