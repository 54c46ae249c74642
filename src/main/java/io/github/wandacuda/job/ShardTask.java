package io.github.wandacuda.job;

import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A shard of a run's output: pruned, written, checked. Weights and masks don't travel, only norms
 * in one direction and numbers in the other.
 *
 * @param run the run
 * @param shard the shard's file name
 * @param norms the norms of its modules, by their names
 * @param earlier the tensors that an interrupted run has written, if it has written all
 */
record ShardTask(
    RunDescription run, String shard, Map<String, float[]> norms, List<ShardResult.Tensor> earlier)
    implements ClusterTask<ShardResult> {

  /** Takes collections that travel. */
  public ShardTask {
    norms = new TreeMap<>(norms);
    earlier = List.copyOf(earlier);
  }

  @Override
  public ShardResult run(ClusterNode node) {
    return node.kept(run, () -> ShardWorker.open(run, node)).run(this, node);
  }
}
