package io.github.wandacuda.job;

import io.github.wandacuda.calibration.InputNorms.BatchSquares;
import io.github.wandacuda.calibration.SampleBatch;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterStep;
import io.github.wandacuda.cluster.ClusterStep.Stepped;
import java.io.Serializable;
import java.util.List;
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
    implements ClusterStep<CalibrationStep.BatchStates, CalibrationStep.BatchResult> {

  /** Takes a map that travels. */
  CalibrationStep {
    norms = new TreeMap<>(norms);
  }

  @Override
  public Stepped<BatchStates, BatchResult> run(BatchStates state, ClusterNode node) {
    return node.kept(run, () -> CalibrationWorker.open(run, node)).run(this, state, node);
  }

  /**
   * A batch between two blocks.
   *
   * @param batch its samples
   * @param states their hidden states, [tokens, hidden size], or null before they are embedded, or
   *     read from where an interrupted run has saved them
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
  record BatchStates(SampleBatch batch, float[] states) implements Serializable {}

  /**
   * What a block's inputs are over one batch.
   *
   * @param batch its number
   * @param samples how many it has
   * @param squares the sums of their squares
   * @param inputFeatures the input features of each linear module of the block
   * @param inputs where the inputs themselves are, if second moments are wanted
   * @param node who ran it, and on what device
   */
  record BatchResult(
      int batch,
      int samples,
      BatchSquares squares,
      Map<String, Integer> inputFeatures,
      List<BatchInputs.InputSlice> inputs,
      String node)
      implements Serializable {
    /** Takes a map that travels. */
    BatchResult {
      inputFeatures = new TreeMap<>(inputFeatures);
      inputs = List.copyOf(inputs);
    }
  }
}
