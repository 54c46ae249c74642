package io.github.wandacuda.system;

import io.github.wandacuda.error.CancelledException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** The tasks of one call of {@link WorkerPool#run}, which any number of threads take one by one. */
final class TaskRound {
  /** The number of the calling thread among the workers. */
  static final int CALLER = 0;

  private final int tasks;
  private final WorkerPool.Body body;
  private final AtomicInteger next = new AtomicInteger();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();

  /** Prepares tasks 0 to {@code tasks - 1}. */
  TaskRound(int tasks, WorkerPool.Body body) {
    this.tasks = tasks;
    this.body = body;
  }

  /** Returns the number of tasks. */
  int tasks() {
    return tasks;
  }

  /** Takes tasks and runs them until none is left or one has failed. */
  void work(int worker) {
    try {
      for (int task = next.getAndIncrement(); task < tasks; task = next.getAndIncrement()) {
        if (failure.get() != null) {
          return;
        }
        if (worker == CALLER) {
          CancelledException.throwIfInterrupted();
        }
        body.run(worker, task);
      }
    } catch (RuntimeException | Error e) {
      failure.compareAndSet(null, e);
    }
  }

  /**
   * Throws the exception of the first task that failed, if one did. To be called when all workers
   * have stopped.
   */
  void rethrow() {
    Throwable thrown = failure.get();
    if (thrown instanceof RuntimeException) {
      // The interrupt may have closed a file, and the workers that use it fail as well; so it
      // counts first.
      CancelledException.throwIfInterrupted();
    }
    RealCause.rethrow(thrown);
  }
}
