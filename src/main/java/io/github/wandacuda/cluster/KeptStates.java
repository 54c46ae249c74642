package io.github.wandacuda.cluster;

import java.io.Serializable;
import java.util.function.Consumer;

/**
 * States that a cluster's processes keep between steps. Each state stays in the process that the
 * step before made it in, as long as that process lives.
 *
 * @param <S> a state
 */
public interface KeptStates<S extends Serializable> extends AutoCloseable {
  /**
   * Replaces every state by the one that a step makes of it.
   *
   * @param what the step does, for the cluster's own pages
   * @param step done once for each state, or again if a process is lost
   * @param done called with each state's result once, in any order, on the calling thread
   * @throws io.github.wandacuda.error.WandaException the first failure of the step; none is running
   *     any more then, and the states can't be used
   * @throws io.github.wandacuda.error.CancelledException if the thread is interrupted, likewise
   */
  <R extends Serializable> void step(String what, ClusterStep<S, R> step, Consumer<R> done);

  /** Frees the states. */
  @Override
  void close();

  /**
   * A piece of work that replaces a state that a process keeps, which any process of a cluster can
   * do. If a process is lost, it is done again from the state before; so doing it twice has to give
   * the same as doing it once.
   *
   * @param <S> what is kept from step to step
   * @param <R> what the step results in, small enough to travel
   */
  interface ClusterStep<S extends Serializable, R extends Serializable> extends Serializable {
    /**
     * Does the work.
     *
     * @param state is left as it is
     * @param node the process in which it runs
     * @throws io.github.wandacuda.error.WandaException a failure that another try wouldn't cure; it
     *     travels back to the caller
     */
    Stepped<S, R> run(S state, ClusterNode node);

    /**
     * What a step returns: its result, which travels, and the new state, which stays where it is.
     */
    record Stepped<S extends Serializable, R extends Serializable>(S state, R result)
        implements Serializable {}
  }
}
