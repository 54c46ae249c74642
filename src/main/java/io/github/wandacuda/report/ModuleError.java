package io.github.wandacuda.report;

import io.github.wandacuda.job.ModuleReading;
import io.github.wandacuda.pruning.ModuleResult;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/**
 * How much a module suffered: its relative output error, or the nearest to it that is known.
 *
 * @param module which
 * @param value 0 if nothing was lost
 * @param measure what it is
 */
record ModuleError(ModuleResult module, double value, Measure measure) {
  private static final int WORST = 5;

  /** What an error is, from the most that is known to the least. */
  enum Measure {
    /** The outputs' own, from second moments. */
    OUTPUTS("relative_error", "measured"),
    /** What norms let expect of outputs: correlations of columns are left out. */
    NORMS("estimated_error", "from norms"),
    /** The weights' own, where there are no norms. */
    WEIGHTS("weight_error", "of weights");

    /** The name that the JSON has. */
    final String key;

    final String words;

    Measure(String key, String words) {
      this.key = key;
      this.words = words;
    }
  }

  /**
   * Returns a module's error, if anything is known of it.
   *
   * @param reading of the module, or null
   */
  static Optional<ModuleError> of(ModuleResult result, ModuleReading reading) {
    if (result.errors() != null) {
      return of(result, result.errors().relative(), Measure.OUTPUTS);
    }
    OptionalDouble lost = reading == null ? OptionalDouble.empty() : reading.lost();
    return of(result, lost, result.norms() == null ? Measure.WEIGHTS : Measure.NORMS);
  }

  private static Optional<ModuleError> of(
      ModuleResult result, OptionalDouble value, Measure measure) {
    return value.stream()
        .filter(Double::isFinite)
        .mapToObj(finite -> new ModuleError(result, finite, measure))
        .findFirst();
  }

  /** Returns the modules with the largest errors, the largest first. */
  static List<ModuleError> worst(List<ModuleResult> results, Map<String, ModuleReading> readings) {
    Stream<ModuleError> errors =
        results.stream()
            .flatMap(result -> of(result, readings.get(result.module().name())).stream());
    return errors
        .sorted(Comparator.comparingDouble(ModuleError::value).reversed())
        .limit(WORST)
        .toList();
  }
}
