package io.github.wandacuda.system;

import io.github.wandacuda.error.CancelledException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** The tasks of one call of {@link WorkerPool#run}, for any number of threads to take from. */
final class TaskRound {
  /** The worker that the calling thread is. */
  static final int CALLER = 0;

  private final int tasks;
  private final WorkerPool.Body body;
  private final AtomicInteger next = new AtomicInteger();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();

  TaskRound(int tasks, WorkerPool.Body body) {
    this.tasks = tasks;
    this.body = body;
  }

  int tasks() {
    return tasks;
  }

  /** Takes tasks until none is left or one failed. */
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

  /** Throws the exception of the first task that failed, after all workers have stopped. */
  void rethrow() {
    Throwable thrown = failure.get();
    if (thrown instanceof RuntimeException) {
      // The interrupt may have closed a file, which makes other workers fail too.
      CancelledException.throwIfInterrupted();
    }
    RealCause.rethrow(thrown);
  }
}
