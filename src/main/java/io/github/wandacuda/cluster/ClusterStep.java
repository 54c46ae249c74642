package io.github.wandacuda.cluster;

import java.io.Serializable;

/**
 * A piece of work that replaces what a process keeps, which any process of a cluster can do. It is
 * done again from the state before if a process is lost, so doing it twice has to come to the same.
 *
 * @param <S> what is kept from step to step
 * @param <R> what the step results in, small enough to travel
 */
public interface ClusterStep<S extends Serializable, R extends Serializable> extends Serializable {
  /**
   * Does the work.
   *
   * @param state is left as it is
   * @throws io.github.wandacuda.error.WandaException a failure that another try wouldn't cure; it
   *     travels back to the caller
   */
  Stepped<S, R> run(S state, ClusterNode node);

  /**
   * What a step comes to.
   *
   * @param state the new state, which stays where it is
   * @param result travels back
   */
  record Stepped<S extends Serializable, R extends Serializable>(S state, R result)
      implements Serializable {}
}
