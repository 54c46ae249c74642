package io.github.wandacuda.job;

import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The modules that read one input of a block: its second moments are summed over all batches, and
 * the modules are pruned by them, into {@link ModuleFiles}. So no second moments travel.
 *
 * @param run the run
 * @param block the block's number
 * @param modules their names
 * @param norms their norms, by their names
 * @param inputs where each batch's input is, in the batches' order; none if no token reached them
 * @param samples how many samples the batches have
 */
record GroupTask(
    CalibrationRun run,
    int block,
    List<String> modules,
    Map<String, float[]> norms,
    List<InputSlice> inputs,
    int samples)
    implements ClusterTask<String> {
  /** Takes collections that travel. */
  GroupTask {
    modules = List.copyOf(modules);
    norms = new TreeMap<>(norms);
    inputs = List.copyOf(inputs);
  }

  /** Returns how many features the input has. */
  int columns() {
    return inputs.isEmpty() ? 0 : inputs.get(0).columns();
  }

  /** Returns who has done it, and on what device. */
  @Override
  public String run(ClusterNode node) {
    return node.kept(run, () -> CalibrationWorker.open(run, node)).prune(this, node);
  }
}
