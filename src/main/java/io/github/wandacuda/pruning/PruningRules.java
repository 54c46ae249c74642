package io.github.wandacuda.pruning;

import io.github.wandacuda.model.LinearModule;

/**
 * What is done to every chosen module.
 *
 * @param method how weights are scored
 * @param sparsity how much goes
 */
public record PruningRules(Method method, Sparsity sparsity) {

  /**
   * Checks that a module can be pruned so.
   *
   * @throws io.github.wandacuda.error.InputException if its columns don't fall into groups
   */
  void check(LinearModule module) {
    if (sparsity instanceof Sparsity.GroupPattern pattern
        && module.columns() % pattern.size() != 0) {
      throw module.problem(
          "expected columns that are a multiple of %d for pattern %s, found %d; leave it out with --exclude"
              .formatted(pattern.size(), pattern, module.columns()));
    }
  }

  /** Returns whether a module's threshold depends on the whole matrix. */
  boolean needsThreshold() {
    return method == Method.MAGNITUDE && sparsity instanceof Sparsity.Ratio;
  }
}
