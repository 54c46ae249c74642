package io.github.wandacuda.cluster;

import java.io.Serializable;

/**
 * A piece of a run's work, which any process of a cluster can do. It is tried again elsewhere if a
 * process is lost, and two may do it at the same time, so doing it twice has to come to the same.
 *
 * @param <R> what it results in, small enough to travel
 */
public interface ClusterTask<R extends Serializable> extends Serializable {
  /** Does the work; a failure that another try wouldn't cure, as of a broken file, travels back. */
  R run(ClusterNode node);
}
