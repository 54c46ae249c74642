package io.github.wandacuda.calibrate;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.decoder.InputObserver;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Computes the input norms of a block's linear modules while samples run through it. */
final class InputNorms implements InputObserver, AutoCloseable {
  private final Operations operations;
  private final Map<List<String>, ColumnSquares> squares = new LinkedHashMap<>();

  InputNorms(Operations operations) {
    this.operations = operations;
  }

  @Override
  public void input(List<String> modules, Tensor input) {
    squares.computeIfAbsent(modules, first -> operations.columnSquares(input.columns())).add(input);
  }

  /**
   * Checks the sums so far.
   *
   * @throws InputException if a sum of squares is not finite
   */
  void requireFinite() {
    squares.forEach((modules, sums) -> norms(modules.get(0), sums.sums(), 1));
  }

  /**
   * Returns the norms by module.
   *
   * @param inputFeatures the input features of each module; a module that no token reached, such as
   *     an expert, gets zeros
   * @param samples the number of samples
   * @throws InputException if one is not finite
   */
  Map<String, float[]> norms(Map<String, Integer> inputFeatures, int samples) {
    Map<String, float[]> norms = new HashMap<>();
    inputFeatures.forEach((module, features) -> norms.put(module, new float[features]));
    squares.forEach(
        (modules, sums) -> {
          float[] shared = norms(modules.get(0), sums.sums(), samples);
          modules.forEach(module -> norms.put(module, shared));
        });
    return norms;
  }

  private static float[] norms(String module, double[] sums, int samples) {
    float[] norms = new float[sums.length];
    for (int column = 0; column < norms.length; column++) {
      norms[column] = (float) Math.sqrt(sums[column] / samples);
      if (!Float.isFinite(norms[column])) {
        throw new InputException(
            ErrorDetails.of("module " + Printable.of(module))
                .expected(
                    "a finite norm of input column %d".formatted(column),
                    "%s: its activations are too large".formatted(norms[column])));
      }
    }
    return norms;
  }

  @Override
  public void close() {
    squares.values().forEach(ColumnSquares::close);
  }
}
