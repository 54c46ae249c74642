package io.github.wandacuda.cluster;

import java.io.Serializable;
import java.util.List;
import java.util.function.Consumer;

/** Processes that do a run's tasks, on this machine or others. */
public interface Cluster extends AutoCloseable {
  /** Returns what people call it. */
  String name();

  /**
   * Has tasks done, in any order.
   *
   * @param what they do together, for the cluster's own pages
   * @param done is given each task's result once, on the calling thread
   * @throws io.github.wandacuda.error.WandaException the first failure of a task, when no task is
   *     at work any more
   * @throws io.github.wandacuda.error.CancelledException if the thread is interrupted, likewise
   */
  <R extends Serializable> void run(
      String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done);

  /** Spreads the first states, which are small enough to travel, over the processes. */
  <S extends Serializable> KeptStates<S> keep(List<S> states);

  @Override
  void close();
}
