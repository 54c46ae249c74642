package io.github.wandacuda.cluster;

import java.io.Serializable;
import java.util.function.Consumer;

/**
 * States that a cluster's processes keep between steps: each where the step before has made it, as
 * long as that process lives.
 *
 * @param <S> a state
 */
public interface KeptStates<S extends Serializable> extends AutoCloseable {
  /**
   * Replaces all states by what a step makes of them.
   *
   * @param what the step does, for the cluster's own pages
   * @param done is given each state's result once, in any order, on the calling thread
   * @throws io.github.wandacuda.error.WandaException the first failure of the step, when none is at
   *     work any more; the states are of no use then
   * @throws io.github.wandacuda.error.CancelledException if the thread is interrupted, likewise
   */
  <R extends Serializable> void step(String what, ClusterStep<S, R> step, Consumer<R> done);

  @Override
  void close();

  /**
   * A piece of work that replaces what a process keeps, which any process of a cluster can do. It
   * is done again from the state before if a process is lost, so doing it twice has to come to the
   * same.
   *
   * @param <S> what is kept from step to step
   * @param <R> what the step results in, small enough to travel
   */
  interface ClusterStep<S extends Serializable, R extends Serializable> extends Serializable {
    /**
     * Does the work.
     *
     * @param state is left as it is
     * @throws io.github.wandacuda.error.WandaException a failure that another try wouldn't cure; it
     *     travels back to the caller
     */
    Stepped<S, R> run(S state, ClusterNode node);

    /** What a step comes to: its result, and the new state, which stays where it is. */
    record Stepped<S extends Serializable, R extends Serializable>(S state, R result)
        implements Serializable {}
  }
}
