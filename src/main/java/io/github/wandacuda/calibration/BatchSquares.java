package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The sums of the squares of a block's inputs over one batch.
 *
 * @param sums a sum for each input column, by the full names of the linear modules that read the
 *     columns; without modules that no token of the batch reached
 */
public record BatchSquares(Map<List<String>, double[]> sums) implements Serializable {
  /** Takes a map that travels. */
  public BatchSquares {
    sums = new LinkedHashMap<>(sums);
  }

  /**
   * Checks the sums.
   *
   * @throws InputException if a norm isn't finite
   */
  void requireFinite() {
    sums.forEach((modules, columns) -> norms(modules.get(0), columns, 1));
  }

  /**
   * Returns norms from sums of squares.
   *
   * @param module what reads the columns
   * @param samples the number of samples
   * @throws InputException if one isn't finite
   */
  static float[] norms(String module, double[] sums, int samples) {
    float[] norms = new float[sums.length];
    for (int column = 0; column < norms.length; column++) {
      norms[column] = (float) Math.sqrt(sums[column] / samples);
      if (!Float.isFinite(norms[column])) {
        throw ErrorDetails.of("module " + Printable.of(module))
            .wrong(
                "a finite norm of input column %d".formatted(column),
                "%s: its activations are too large".formatted(norms[column]));
      }
    }
    return norms;
  }
}
