package io.github.wandacuda.cluster;

import io.github.wandacuda.error.CancelledException;
import java.util.OptionalInt;
import java.util.function.BooleanSupplier;

/**
 * The process in which a task runs, as the task sees it. It does one task at a time.
 *
 * @param name what people call it, such as an executor and its host
 * @param device the device that the cluster has assigned to this task; nothing if it assigns none
 * @param threads the CPU threads that the cluster has assigned to this task; nothing if it doesn't
 *     say
 * @param open what the process keeps open for all of a run's tasks
 * @param isCancelled whether nobody waits for the task's result any more; may be asked by any
 *     thread
 */
public record ClusterNode(
    String name,
    OptionalInt device,
    OptionalInt threads,
    KeptOpen open,
    BooleanSupplier isCancelled) {
  /**
   * Ends a task whose result nobody waits for any more. Tasks call this often, since their threads
   * are never interrupted: an interrupt would close the files that the process's next tasks read.
   *
   * @throws CancelledException if the task is cancelled
   */
  public void throwIfCancelled() {
    if (isCancelled.getAsBoolean()) {
      throw new CancelledException();
    }
  }
}
