package io.github.wandacuda.cluster;

import java.io.Serializable;

/**
 * A piece of a run's work, which any process of a cluster can do. If a process is lost, the task
 * runs again elsewhere, and it may even run twice at the same time; so running it twice has to give
 * the same as running it once.
 *
 * @param <R> its result, small enough to travel
 */
public interface ClusterTask<R extends Serializable> extends Serializable {
  /**
   * Does the work.
   *
   * @param node the process in which it runs
   * @throws io.github.wandacuda.error.WandaException a failure that another try wouldn't cure, such
   *     as a broken file; it travels back to the caller. After any other exception the task may be
   *     tried again
   */
  R run(ClusterNode node);
}
