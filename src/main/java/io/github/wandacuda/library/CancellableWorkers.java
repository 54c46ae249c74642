package io.github.wandacuda.library;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.system.WorkerPool;
import java.util.function.BooleanSupplier;

/**
 * Workers who ask before each task whether to go on.
 *
 * @param workers who do the tasks
 * @param isCancelled whether to stop
 */
record CancellableWorkers(WorkerPool workers, BooleanSupplier isCancelled) implements WorkerPool {
  @Override
  public int count() {
    return workers.count();
  }

  @Override
  public void run(int tasks, Body body) {
    workers.run(
        tasks,
        (worker, task) -> {
          if (isCancelled.getAsBoolean()) {
            throw new CancelledException();
          }
          body.run(worker, task);
        });
  }
}
