package io.github.wandacuda.calibration;

import io.github.wandacuda.error.InputException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The input norms of a block's linear modules. Batches are added up in their order, in whatever
 * order they come, so that the bits don't depend on who ran them.
 */
public final class InputNorms {
  private final Map<List<String>, double[]> totals = new LinkedHashMap<>();
  private final Map<Integer, BatchSquares> early = new HashMap<>();
  private int next;

  /** Takes a batch's sums. */
  public synchronized void add(int batch, BatchSquares squares) {
    early.put(batch, squares);
    for (BatchSquares turn = early.remove(next); turn != null; turn = early.remove(next)) {
      turn.sums().forEach(this::add);
      next++;
    }
  }

  private void add(List<String> modules, double[] sums) {
    double[] total = totals.computeIfAbsent(modules, first -> new double[sums.length]);
    for (int column = 0; column < total.length; column++) {
      total[column] += sums[column];
    }
  }

  /** Returns the sums over the batches that are added. */
  synchronized Map<List<String>, double[]> totals() {
    return Map.copyOf(totals);
  }

  /**
   * Returns the norms by module, when all batches are there.
   *
   * @param inputFeatures the input features of each module; a module that no token reached, such as
   *     an expert, gets zeros
   * @param samples the number of samples
   * @throws InputException if one is not finite
   */
  public synchronized Map<String, float[]> norms(Map<String, Integer> inputFeatures, int samples) {
    Map<String, float[]> norms = new HashMap<>();
    inputFeatures.forEach((module, features) -> norms.put(module, new float[features]));
    totals.forEach(
        (modules, sums) -> {
          float[] shared = BatchSquares.norms(modules.get(0), sums, samples);
          modules.forEach(module -> norms.put(module, shared));
        });
    return norms;
  }
}
