package io.github.wandacuda.cluster;

import java.io.Serializable;
import java.util.List;
import java.util.function.Consumer;

/** Processes that do a run's tasks, on this machine or others. */
public interface Cluster extends AutoCloseable {
  /** Returns the cluster's name, for people. */
  String name();

  /**
   * Runs tasks on the cluster's processes, in any order, and returns when all are done.
   *
   * @param what the tasks do together, for the cluster's own pages
   * @param tasks may run several times each, and travel as bytes
   * @param done called with each task's result once, on the calling thread
   * @throws io.github.wandacuda.error.WandaException the first failure of a task; no task is
   *     running any more then
   * @throws io.github.wandacuda.error.CancelledException if the thread is interrupted; no task is
   *     running any more then, either
   */
  <R extends Serializable> void run(
      String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done);

  /**
   * Distributes states over the processes, which keep them.
   *
   * @param states the first states, small enough to travel
   * @return the caller's to close
   */
  <S extends Serializable> KeptStates<S> keep(List<S> states);

  /** Disconnects from the cluster. */
  @Override
  void close();
}
