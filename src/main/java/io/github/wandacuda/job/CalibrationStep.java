package io.github.wandacuda.job;

import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterStep;
import java.util.Map;
import java.util.TreeMap;

/**
 * Takes a batch to a block, where its inputs are summed: out of the block before, once that is
 * pruned. For the dense model it takes the batch through the block too.
 *
 * @param run the run
 * @param block the block whose inputs are summed
 * @param norms those of the block before, by which each process prunes it by itself; empty for the
 *     dense model and for the first block
 * @param saved whether the states that the block reads are saved too
 */
record CalibrationStep(CalibrationRun run, int block, Map<String, float[]> norms, boolean saved)
    implements ClusterStep<BatchStates, BatchResult> {

  /** Takes a map that travels. */
  CalibrationStep {
    norms = new TreeMap<>(norms);
  }

  @Override
  public Stepped<BatchStates, BatchResult> run(BatchStates state, ClusterNode node) {
    return node.kept(run, () -> CalibrationWorker.open(run, node)).run(this, state, node);
  }
}
