package io.github.wandacuda.cluster;

import java.io.Serializable;
import scala.collection.Iterator;
import scala.runtime.AbstractFunction1;

/** What travels back of a partition's state: the result of its step, not the state. */
final class StepResult<S extends Serializable, R extends Serializable>
    extends AbstractFunction1<Iterator<SteppedState<S>>, TaskOutcome<R>> implements Serializable {
  private static final long serialVersionUID = 1L;

  @Override
  @SuppressWarnings("unchecked") // The step that has made the state results in this type.
  public TaskOutcome<R> apply(Iterator<SteppedState<S>> states) {
    SteppedState<S> state = states.next();
    return new TaskOutcome<>((R) state.result(), state.failure());
  }
}
