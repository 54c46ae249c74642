package io.github.wandacuda.cluster;

import io.github.wandacuda.cluster.KeptStates.ClusterStep;
import io.github.wandacuda.error.WandaException;
import java.io.Serializable;
import java.util.List;
import java.util.function.Consumer;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.storage.StorageLevel;
import scala.collection.Iterator;
import scala.runtime.AbstractFunction1;

/**
 * States in the block managers of Spark's executors, a partition for each. Those of the last step
 * are kept; what is lost with an executor is computed again from the first states on, or from those
 * that were saved last, where Spark was told of a directory for that.
 */
final class SparkStates<S extends Serializable> implements KeptStates<S> {
  /** Steps after which states are saved. */
  private static final int STEPS = 8;

  private final SparkCluster cluster;
  private int steps;
  private JavaRDD<SteppedState<S>> latest;

  SparkStates(SparkCluster cluster, List<S> states) {
    this.cluster = cluster;
    latest = cluster.partitions(states.stream().map(SteppedState::first).toList());
  }

  @Override
  public <R extends Serializable> void step(String what, ClusterStep<S, R> step, Consumer<R> done) {
    JavaRDD<SteppedState<S>> before = latest;
    latest = before.map(new StepWork<>(step, new ExecutorProcess.ThisExecutor(cluster.cores())));
    latest.persist(StorageLevel.MEMORY_AND_DISK());
    boolean saved = ++steps % STEPS == 0 && cluster.hasDirectory();
    if (saved) {
      latest.checkpoint();
    }
    cluster.job(what, latest.rdd(), latest.getNumPartitions(), new StepResult<S, R>(), done);
    if (saved) {
      // Spark saves after a job that it runs as a whole, which ours isn't.
      long unused = latest.count();
    }
    before.unpersist(false);
  }

  @Override
  public void close() {
    latest.unpersist(false);
  }

  /** What travels back of a partition's state: the result of its step, not the state. */
  private static final class StepResult<S extends Serializable, R extends Serializable>
      extends AbstractFunction1<Iterator<SteppedState<S>>, TaskOutcome<R>> implements Serializable {
    private static final long serialVersionUID = 1L;

    @Override
    @SuppressWarnings("unchecked") // The step that has made the state results in this type.
    public TaskOutcome<R> apply(Iterator<SteppedState<S>> states) {
      SteppedState<S> state = states.next();
      return new TaskOutcome<>((R) state.result(), state.failure());
    }
  }

  /** What an executor does with a partition's state. */
  private record StepWork<S extends Serializable, R extends Serializable>(
      ClusterStep<S, R> step, ExecutorProcess.ThisExecutor executor)
      implements Function<SteppedState<S>, SteppedState<S>> {
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

  /**
   * What a partition holds after a step: its failure is a value too, so that Spark doesn't try
   * again.
   */
  private record SteppedState<S extends Serializable>(
      S state, Serializable result, WandaException failure) implements Serializable {

    static <S extends Serializable> SteppedState<S> first(S state) {
      return new SteppedState<>(state, null, null);
    }
  }
}
