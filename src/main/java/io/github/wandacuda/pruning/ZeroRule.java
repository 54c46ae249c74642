package io.github.wandacuda.pruning;

import io.github.wandacuda.model.LinearModule;

/**
 * What rules ask of the zeros of a matrix whose rows have a number of columns.
 *
 * @param groupSize columns of a group: those of a pattern, or else all of a row
 * @param groupZeros how many of each group a mask takes out at most, and unless {@code wholeMatrix}
 *     at least
 * @param wholeMatrix whether only the matrix as a whole has to have a number of zeros
 */
record ZeroRule(int groupSize, int groupZeros, boolean wholeMatrix) {

  static ZeroRule of(PruningRules rules, int columns) {
    int row = Math.max(1, columns);
    if (rules.needsThreshold()) {
      return new ZeroRule(row, columns, true);
    }
    if (rules.sparsity() instanceof Sparsity.GroupPattern pattern) {
      return new ZeroRule(pattern.size(), pattern.pruned(), false);
    }
    long zeros = ((Sparsity.Ratio) rules.sparsity()).of(columns);
    return new ZeroRule(row, Math.toIntExact(zeros), false);
  }

  /** Returns how many weights of a module a mask takes out at most. */
  long zeros(LinearModule module) {
    long groups = wholeMatrix ? 1 : Math.ceilDiv(module.columns(), groupSize);
    return groups * groupZeros * module.rows();
  }
}
