package io.github.wandacuda.job;

import io.github.wandacuda.calibration.BatchSquares;
import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

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
    List<InputSlice> inputs,
    String node)
    implements Serializable {
  /** Takes a map that travels. */
  BatchResult {
    inputFeatures = new TreeMap<>(inputFeatures);
    inputs = List.copyOf(inputs);
  }
}
