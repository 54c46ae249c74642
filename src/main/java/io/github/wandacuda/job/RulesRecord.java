package io.github.wandacuda.job;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.model.NamePatterns;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.Unreached;
import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What is done to modules, as values that are written down and sent to other machines.
 *
 * @param done what is done to all, as {@link ModuleRules#written} says it, or null if a recipe says
 *     it
 * @param stages the stages of a recipe, or null
 * @param shares the shares of modules by name, or null if all get the same
 */
record RulesRecord(Map<String, Object> done, List<StageRecord> stages, Map<String, Double> shares)
    implements Serializable {

  /** A stage of a recipe: the pattern of its modules, and what is done to them. */
  public record StageRecord(String modules, Map<String, Object> done) implements Serializable {
    private PruningRules.Part part() {
      if (modules == null) {
        throw new UsageException("expected modules in every stage");
      }
      return new PruningRules.Part(NamePatterns.compile(modules), ModuleRules.read(done));
    }
  }

  public static RulesRecord of(PruningRules rules) {
    boolean recipe = !rules.stages().isEmpty();
    return new RulesRecord(
        recipe ? null : rules.common().written(), recipe ? stages(rules) : null, shares(rules));
  }

  private static List<StageRecord> stages(PruningRules rules) {
    return rules.stages().stream()
        .map(stage -> new StageRecord(stage.modules().pattern(), stage.rules().written()))
        .toList();
  }

  private static Map<String, Double> shares(PruningRules rules) {
    Map<String, Double> shares = new LinkedHashMap<>();
    rules.allocated().keySet().stream()
        .sorted(TensorNames.NATURAL)
        .forEach(name -> shares.put(name, rules.allocated().get(name)));
    return shares.isEmpty() ? null : shares;
  }

  /** Returns the rules that were written down; the kept modules stay as they are. */
  public PruningRules rules(Unreached unreached, Set<String> kept) {
    Map<String, Double> allocated = Optional.ofNullable(shares).orElse(Map.of());
    for (double share : allocated.values()) {
      try {
        Sparsity unused = Sparsity.ratio(share);
      } catch (IllegalArgumentException e) {
        throw new UsageException(e.getMessage());
      }
    }
    return new PruningRules(
        done == null ? ModuleRules.NOTHING : ModuleRules.read(done),
        Optional.ofNullable(stages).orElse(List.of()).stream().map(StageRecord::part).toList(),
        allocated,
        unreached,
        kept);
  }
}
