package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.InputObserver;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Sums the second moments of a block's inputs, and counts their tokens, while samples run through
 * it.
 */
public final class InputMoments implements InputObserver, AutoCloseable {
  private static final long ALIGNMENT = 64;

  private final Operations operations;
  private final Map<List<String>, SecondMoments> moments = new LinkedHashMap<>();
  private final Map<String, Long> tokens = new HashMap<>();

  public InputMoments(Operations operations) {
    this.operations = operations;
  }

  @Override
  public void input(List<String> modules, Tensor input) {
    moments.computeIfAbsent(modules, first -> operations.secondMoments(input.columns())).add(input);
    modules.forEach(module -> tokens.merge(module, (long) input.rows(), Long::sum));
  }

  /** Returns how many tokens reached each module that any reached. */
  public Map<String, Long> tokens() {
    return Map.copyOf(tokens);
  }

  /**
   * Returns the second moments by module. Their sums are given back one by one, so that no more
   * than one is in memory twice.
   *
   * @param inputFeatures the columns of each module's input; of one that no token reached, the
   *     moments are zeros
   * @param samples by how many the sums are divided
   * @param memory holds the moments
   * @throws io.github.wandacuda.error.InputException if a moment isn't finite
   */
  public Map<String, Gram> grams(Map<String, Integer> inputFeatures, int samples, Arena memory) {
    Map<String, Gram> grams = new HashMap<>();
    moments.forEach(
        (modules, sums) -> {
          Gram gram = zeros(inputFeatures.get(modules.get(0)), memory);
          sums.download(samples, gram.triangle());
          sums.close();
          requireFinite(modules.get(0), gram);
          modules.forEach(module -> grams.put(module, gram));
        });
    Map<Integer, Gram> unreached = new HashMap<>();
    inputFeatures.forEach(
        (module, columns) -> {
          if (!grams.containsKey(module)) {
            grams.put(module, unreached.computeIfAbsent(columns, count -> zeros(count, memory)));
          }
        });
    return grams;
  }

  static Gram zeros(int columns, Arena memory) {
    return new Gram(columns, memory.allocate(Gram.elements(columns) * Float.BYTES, ALIGNMENT));
  }

  /**
   * Checks the diagonal only: no product of two columns is larger than the mean of both squares, so
   * that a finite diagonal means finite moments.
   */
  private static void requireFinite(String module, Gram gram) {
    for (int column = 0; column < gram.columns(); column++) {
      float moment = gram.get(column, column);
      if (!Float.isFinite(moment)) {
        throw ErrorDetails.of("module " + Printable.of(module))
            .wrong(
                "a finite second moment of input column %d".formatted(column),
                "%s: its activations are too large".formatted(moment));
      }
    }
  }

  @Override
  public void close() {
    moments.values().forEach(SecondMoments::close);
  }
}
