package io.github.wandacuda.library;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.ZeroNorms;
import io.github.wandacuda.select.SelectionRule;
import java.util.Objects;
import java.util.function.LongFunction;

/** How a call's weights are scored and how many of them go, also where all norms are zero. */
record Scoring(Criterion criterion, Sparsity sparsity, ZeroNorms zeroNorms) {
  static Scoring of(Criterion criterion, Sparsity sparsity, PruneOptions options) {
    Objects.requireNonNull(criterion, "criterion");
    Objects.requireNonNull(sparsity, "sparsity");
    return new Scoring(criterion, sparsity, Objects.requireNonNull(options, "options").zeroNorms());
  }

  /** Checks that a matrix can be scored and pruned so, wherever it lies. */
  void check(int columns) {
    if (sparsity instanceof Sparsity.GroupPattern pattern && !pattern.fits(columns)) {
      throw new IllegalArgumentException(
          "columns: expected a multiple of %d for the pattern %s, found %d"
              .formatted(pattern.size(), pattern, columns));
    }
    if (criterion instanceof Criterion.Wanda wanda) {
      if (wanda.columns() != columns) {
        throw new IllegalArgumentException(
            "norms: expected one for each of %d columns, found %d"
                .formatted(columns, wanda.columns()));
      }
      if (wanda.isAllZero() && zeroNorms == ZeroNorms.REJECT) {
        throw new IllegalArgumentException(
            "norms: expected one above 0, found zeros alone, which tell no weights apart;"
                + " ZeroNorms says what to do instead");
      }
    }
  }

  /** Returns the norms to score with, or null for magnitudes. */
  float[] norms() {
    return criterion instanceof Criterion.Wanda wanda && !wanda.isAllZero() ? wanda.norms() : null;
  }

  /**
   * Returns what is pruned of each row or group, or the threshold of all elements, which is {@code
   * found} by its index among the sorted magnitudes.
   */
  SelectionRule rule(int columns, long elements, LongFunction<Float> found) {
    if (elements > 0
        && criterion instanceof Criterion.Magnitude
        && sparsity instanceof Sparsity.Ratio ratio
        && ratio.fraction() > 0) {
      return new SelectionRule.AtMost(found.apply(ratio.of(elements)));
    }
    boolean kept =
        criterion instanceof Criterion.Wanda wanda
            && wanda.isAllZero()
            && zeroNorms == ZeroNorms.KEEP;
    return kept ? new SelectionRule.LowestPerRow(0) : SelectionRule.of(sparsity, columns);
  }
}
