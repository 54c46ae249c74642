package io.github.wandacuda.cluster;

import io.github.wandacuda.error.CancelledException;
import java.util.OptionalInt;
import java.util.function.BooleanSupplier;

/**
 * The process in which a task runs, as the task sees it. It does one task at a time.
 *
 * @param name what people call it: an executor and its host
 * @param device the device that the cluster has given to this task, where it gives out any
 * @param threads the CPU threads that the cluster has given to this task, where it says
 * @param open what the process keeps open for all of a run's tasks
 */
public record ClusterNode(
    String name,
    OptionalInt device,
    OptionalInt threads,
    KeptOpen open,
    BooleanSupplier isCancelled) {
  /**
   * Ends a task whose result nobody waits for any more. Nothing interrupts its threads: an
   * interrupt would close the files that the process's next tasks read.
   *
   * @throws CancelledException if that is so
   */
  public void throwIfCancelled() {
    if (isCancelled.getAsBoolean()) {
      throw new CancelledException();
    }
  }
}
