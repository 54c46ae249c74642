package io.github.wandacuda.job.record;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.checkpoint.NamePatterns;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What is done to modules, as values that are written down and sent to other machines.
 *
 * @param values what is done to all, as {@link ModuleRules#written} says it, or the stages of a
 *     recipe; and the shares of modules by name, unless all get the same
 */
public record RulesRecord(Map<String, Object> values) implements Serializable {
  static final String STAGES = "stages";
  static final String SHARES = "sparsity_by_module";

  /** A stage's key of the pattern of its modules. */
  static final String MODULES = "modules";

  /** Writes rules down. */
  public static RulesRecord of(PruningRules rules) {
    Map<String, Object> values = new LinkedHashMap<>();
    if (rules.stages().isEmpty()) {
      values.putAll(rules.common().written());
    } else {
      values.put(STAGES, rules.stages().stream().map(RulesRecord::written).toList());
    }
    Map<String, Double> shares = new LinkedHashMap<>();
    rules.allocated().keySet().stream()
        .sorted(TensorNames.NATURAL)
        .forEach(name -> shares.put(name, rules.allocated().get(name)));
    if (!shares.isEmpty()) {
      values.put(SHARES, shares);
    }
    return new RulesRecord(values);
  }

  private static Map<String, Object> written(PruningRules.Stage stage) {
    Map<String, Object> written = new LinkedHashMap<>();
    written.put(MODULES, stage.modules().pattern());
    written.putAll(stage.rules().written());
    return written;
  }

  /**
   * Reads the rules.
   *
   * @param unreached what happens to modules that no sample reaches
   * @param kept names of modules that stay as they are
   */
  @SuppressWarnings("unchecked") // It is what was written, or a file of the same form.
  public PruningRules rules(Unreached unreached, Set<String> kept) {
    var shares = (Map<String, Double>) values.getOrDefault(SHARES, Map.of());
    for (double share : shares.values()) {
      try {
        Sparsity unused = Sparsity.ratio(share);
      } catch (IllegalArgumentException e) {
        throw new UsageException(e.getMessage());
      }
    }
    var stages = (List<Map<String, Object>>) values.getOrDefault(STAGES, List.of());
    return new PruningRules(
        values.containsKey(STAGES) ? ModuleRules.NOTHING : ModuleRules.read(values),
        stages.stream().map(RulesRecord::stage).toList(),
        shares,
        unreached,
        kept,
        false);
  }

  private static PruningRules.Stage stage(Map<String, Object> stage) {
    if (!(stage.get(MODULES) instanceof String modules)) {
      throw new UsageException("expected modules in every stage");
    }
    return new PruningRules.Stage(NamePatterns.compile(modules), ModuleRules.read(stage));
  }
}
