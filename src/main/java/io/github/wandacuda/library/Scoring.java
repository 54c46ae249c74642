package io.github.wandacuda.library;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.ZeroNorms;
import io.github.wandacuda.select.SelectionRule;
import java.util.Objects;

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

  /** Returns whether a threshold of a matrix with elements has to be found first. */
  boolean needsThreshold(long elements) {
    return elements > 0
        && criterion instanceof Criterion.Magnitude
        && sparsity instanceof Sparsity.Ratio ratio
        && ratio.fraction() > 0;
  }

  /** Returns what is pruned of each row or group, where there is no threshold. */
  SelectionRule rule(int columns) {
    boolean kept =
        criterion instanceof Criterion.Wanda wanda
            && wanda.isAllZero()
            && zeroNorms == ZeroNorms.KEEP;
    return kept ? new SelectionRule.LowestPerRow(0) : SelectionRule.of(sparsity, columns);
  }
}
