package io.github.wandacuda.prune;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.select.SelectionRule;
import java.util.List;
import java.util.Set;

/**
 * What is done to every chosen module.
 *
 * @param method how weights are scored
 * @param sparsity how much goes
 * @param unreached what becomes of modules that no sample reached
 * @param kept names of modules that stay as they are, known once norms are
 */
public record PruningRules(
    Method method, Sparsity sparsity, Unreached unreached, Set<String> kept) {
  /** What keeps a module as it is. */
  private static final Sparsity NOTHING = new Sparsity.Ratio(0);

  /** Copies the names. */
  public PruningRules {
    kept = Set.copyOf(kept);
  }

  /** Makes rules that prune every module. */
  public PruningRules(Method method, Sparsity sparsity) {
    this(method, sparsity, Unreached.MAGNITUDE, Set.of());
  }

  /** Returns the same rules for a run that kept some modules as they are. */
  public PruningRules keeping(Set<String> names) {
    return new PruningRules(method, sparsity, unreached, names);
  }

  /** Returns the same rules once it is known which modules nothing reached. */
  public PruningRules after(List<ModuleResult> results) {
    return unreached == Unreached.KEEP ? keeping(Set.copyOf(Unreached.in(results))) : this;
  }

  /** Returns what holds for a module. */
  public PruningRules of(LinearModule module) {
    return kept.contains(module.name()) ? nothing() : this;
  }

  /** Returns rules that prune nothing. */
  PruningRules nothing() {
    return new PruningRules(Method.WANDA, NOTHING);
  }

  /**
   * Checks that a module can be pruned so.
   *
   * @throws io.github.wandacuda.error.InputException if its columns don't fall into groups
   */
  public void check(LinearModule module) {
    if (sparsity instanceof Sparsity.GroupPattern pattern && !pattern.fits(module.columns())) {
      throw new InputException(
          module
              .place()
              .expected(
                  "columns that are a multiple of %d for pattern %s"
                      .formatted(pattern.size(), pattern),
                  String.valueOf(module.columns()))
              .hint("leave it out with `exclude`"));
    }
  }

  /** Returns whether modules would stay as they are. */
  public boolean changeNothing(List<LinearModule> modules) {
    return !needsThreshold() && modules.stream().allMatch(module -> of(module).most(module) == 0);
  }

  /**
   * Returns what goes of each row or group at most, and unless there is a threshold at least.
   *
   * @param columns elements in a row
   */
  public SelectionRule.Lowest perRow(int columns) {
    return needsThreshold()
        ? new SelectionRule.LowestPerRow(columns)
        : SelectionRule.of(sparsity, columns);
  }

  /** Returns how many weights of a module a mask takes out at most. */
  public long most(LinearModule module) {
    return perRow(module.columns()).count(module.rows(), module.columns());
  }

  /** Returns whether a module's threshold depends on the whole matrix. */
  public boolean needsThreshold() {
    return method == Method.MAGNITUDE && sparsity instanceof Sparsity.Ratio;
  }
}
