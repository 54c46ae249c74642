package io.github.wandacuda.job;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.ModuleRules.Scope;
import io.github.wandacuda.pruning.ModuleRules.Swaps;
import io.github.wandacuda.pruning.SparsityParser;
import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What was done to modules, as it is written down. A null is left out.
 *
 * @param method how weights were scored
 * @param scope what the method ranked, where it has a choice
 * @param sparsity the fraction to prune, or null if there is a pattern, or masks say it
 * @param pattern N:M, or null if there is a fraction
 * @param refine how the mask was improved
 * @param refineSwaps swaps of a row at most
 * @param update how kept weights were changed
 */
record MethodRecord(
    String method,
    String scope,
    Double sparsity,
    String pattern,
    String refine,
    Integer refineSwaps,
    String update)
    implements Serializable {

  /** Writes rules down. */
  public static MethodRecord of(ModuleRules rules) {
    boolean masks = rules.method() == Method.MASKS;
    OptionalInt budget = rules.swaps().map(Swaps::budget).orElse(OptionalInt.empty());
    return new MethodRecord(
        rules.method().label(),
        rules.method() == Method.RIA ? rules.scope().label() : null,
        !masks && rules.sparsity() instanceof Sparsity.Ratio ratio ? ratio.fraction() : null,
        !masks && rules.sparsity() instanceof Sparsity.GroupPattern pattern
            ? pattern.toString()
            : null,
        rules.swaps().isPresent() ? ModuleRules.SWAPS : null,
        budget.isPresent() ? Integer.valueOf(budget.getAsInt()) : null,
        rules.reconstruct() ? ModuleRules.RECONSTRUCT : null);
  }

  /**
   * Returns the rules that were written down.
   *
   * @throws UsageException if the values contradict each other
   */
  public ModuleRules rules() {
    boolean masks = Method.MASKS.label().equals(method);
    boolean bothOrNeither = (sparsity == null) == (pattern == null);
    if (method == null || (masks ? sparsity != null || pattern != null : bothOrNeither)) {
      throw new UsageException(
          "expected a method and, unless that is masks, one of sparsity and pattern, found %s, %s,"
                  .formatted(method, sparsity)
              + " "
              + pattern);
    }
    requireOneOf("refine", refine, ModuleRules.SWAPS);
    requireOneOf("update", update, ModuleRules.RECONSTRUCT);
    OptionalInt budget =
        refineSwaps == null ? OptionalInt.empty() : OptionalInt.of(refineSwaps.intValue());
    return new ModuleRules(
        Method.of(method),
        scope == null ? Scope.MATRIX : Scope.of(scope),
        amount(masks),
        refine == null ? Optional.empty() : Optional.of(new Swaps(budget)),
        update != null);
  }

  private Sparsity amount(boolean masks) {
    if (pattern != null) {
      return SparsityParser.pattern(pattern);
    }
    return masks ? new Sparsity.Ratio(0) : ratio(sparsity);
  }

  /** Returns a fraction that was read. */
  static Sparsity ratio(double fraction) {
    try {
      return new Sparsity.Ratio(fraction);
    } catch (IllegalArgumentException e) {
      throw new UsageException(e.getMessage());
    }
  }

  private static void requireOneOf(String key, String found, String expected) {
    if (found != null && !found.equals(expected)) {
      throw new UsageException("%s: expected %s, found %s".formatted(key, expected, found));
    }
  }

  /** Returns the values by their keys in the file. */
  Map<String, Object> values() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("method", method);
    values.put("scope", scope);
    values.put("sparsity", sparsity);
    values.put("pattern", pattern);
    values.put("refine", refine);
    values.put("refine_swaps", refineSwaps);
    values.put("update", update);
    values.values().removeIf(value -> value == null);
    return values;
  }
}
