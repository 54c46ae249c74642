package io.github.wandacuda.library;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.ZeroNorms;

/** Whether a matrix of some columns can be scored and pruned as asked for, wherever it lies. */
final class ScoreChecks {
  private ScoreChecks() {}

  /**
   * Checks a call.
   *
   * @throws IllegalArgumentException if the columns don't fall into groups, norms are fewer or more
   *     than columns, or all are zero and that is rejected
   */
  static void check(int columns, Criterion criterion, Sparsity sparsity, ZeroNorms policy) {
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
      if (wanda.isAllZero() && policy == ZeroNorms.REJECT) {
        throw new IllegalArgumentException(
            "norms: expected one above 0, found zeros alone, which tell no weights apart;"
                + " ZeroNorms says what to do instead");
      }
    }
  }
}
