package io.github.wandacuda.job;

import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;

/**
 * A part of a comparison, which one process does alone. Nothing is shared between parts but the
 * model that a process has open: each is calibrated on the blocks that it has pruned itself.
 *
 * @param inputs what all parts are measured with
 * @param arithmetic what the last bits depend on, the same on all machines
 * @param devices what each process opens
 * @param key what tells comparisons apart
 * @param place the part's
 * @param way how the model is pruned, or null for the dense model
 */
record ComparisonTask(
    ComparisonInputs inputs,
    String arithmetic,
    OnCluster.Devices devices,
    String key,
    int place,
    WayRecord way)
    implements ClusterTask<MeasuredPart> {
  @Override
  public MeasuredPart run(ClusterNode node) {
    return node.kept(key, () -> ComparisonWorker.open(this, node)).run(this, node);
  }
}
