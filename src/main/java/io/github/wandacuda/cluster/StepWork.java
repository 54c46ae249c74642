package io.github.wandacuda.cluster;

import java.io.Serializable;
import org.apache.spark.api.java.function.Function;

/** What an executor does with a partition's state. */
final class StepWork<S extends Serializable, R extends Serializable>
    implements Function<SteppedState<S>, SteppedState<S>> {
  private static final long serialVersionUID = 1L;

  private final ClusterStep<S, R> step;
  private final ThisExecutor executor;

  StepWork(ClusterStep<S, R> step, int threads) {
    this.step = step;
    executor = new ThisExecutor(threads);
  }

  @Override
  public SteppedState<S> call(SteppedState<S> before) {
    if (before.failure() != null) {
      return before;
    }
    ClusterTask<ClusterStep.Stepped<S, R>> task = node -> step.run(before.state(), node);
    TaskOutcome<ClusterStep.Stepped<S, R>> outcome = executor.run(task);
    return outcome.failure() == null
        ? new SteppedState<>(outcome.result().state(), outcome.result().result(), null)
        : new SteppedState<>(null, null, outcome.failure());
  }
}
