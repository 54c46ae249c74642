package io.github.wandacuda.cluster;

import java.io.Serializable;
import java.util.List;
import java.util.function.Consumer;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.storage.StorageLevel;

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
    latest = before.map(new StepWork<>(step, cluster.cores()));
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
}
