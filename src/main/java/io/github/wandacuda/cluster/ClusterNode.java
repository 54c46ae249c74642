package io.github.wandacuda.cluster;

import io.github.wandacuda.error.CancelledException;
import java.io.Serializable;
import java.util.OptionalInt;
import java.util.function.Supplier;

/** The process in which a task runs, as the task sees it. It does one task at a time. */
public interface ClusterNode {
  /** Returns what people call it: an executor and its host. */
  String name();

  /** Returns the device that the cluster has given to this task, where it gives out any. */
  OptionalInt device();

  /** Returns the CPU threads that the cluster has given to this task, where it says. */
  OptionalInt threads();

  /**
   * Ends a task whose result nobody waits for any more. Nothing interrupts its threads: an
   * interrupt would close the files that the process's next tasks read.
   *
   * @throws CancelledException if that is so
   */
  void throwIfCancelled();

  /**
   * Returns what the process keeps open for all of a run's tasks.
   *
   * @param key whose it is: what another key had opened is closed
   * @param open opens it, the first time
   */
  <T extends AutoCloseable> T kept(Serializable key, Supplier<T> open);
}
