package io.github.wandacuda.cluster;

import io.github.wandacuda.error.WandaException;
import java.io.Serializable;

/**
 * What a partition holds after a step: its failure is a value too, so that Spark doesn't try again.
 *
 * @param state the state, or null after a failure
 * @param result what the step has resulted in, or null
 * @param failure why there is no state, or null
 */
record SteppedState<S extends Serializable>(S state, Serializable result, WandaException failure)
    implements Serializable {

  /** Returns what a partition holds before the first step. */
  static <S extends Serializable> SteppedState<S> first(S state) {
    return new SteppedState<>(state, null, null);
  }
}
