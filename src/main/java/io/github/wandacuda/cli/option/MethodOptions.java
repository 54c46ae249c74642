package io.github.wandacuda.cli.option;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.prune.PruningPlan;
import io.github.wandacuda.pruning.recipe.Allocation;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.system.Labelled;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for what is done to modules: the method, how much goes, and what follows. */
public final class MethodOptions {
  static final String RECIPE = "--recipe";
  private static final String JSON = ".json";

  @Mixin private KeyOptions keys = new KeyOptions(MethodKey.values());

  @Option(
      names = "--unreached",
      paramLabel = "NAME",
      defaultValue = "magnitude",
      description =
          "A module that no sample reached: magnitude, keep or fail (default: ${DEFAULT-VALUE}).")
  private String unreached;

  @Option(
      names = "--allocation",
      paramLabel = "NAME|FILE",
      description =
          "How the total is shared out over blocks: uniform, atp, dlp, owl, or a JSON file from"
              + " modules or blocks to sparsity (default: uniform).")
  private String allocation;

  @Option(
      names = RECIPE,
      paramLabel = "FILE",
      description = "All of these by stages, in YAML; excludes them as options.")
  private Path recipeFile;

  @Option(
      names = "--requantize",
      description =
          "Round weights that a method fits to the codes of a quantized checkpoint, under its own"
              + " scales.")
  private boolean requantize;

  private PruningPlan plan;

  /** Returns what is asked for, without contradictions. */
  public PruningPlan plan() {
    if (plan == null) {
      plan =
          PruningPlan.asked(
              recipeFile,
              keys.values(),
              allocation == null ? null : allocation(allocation),
              Unreached.of(unreached),
              requantize);
    }
    return plan;
  }

  /**
   * Returns what is asked for where whole parts go, but for the update, which isn't one of rows.
   */
  public PruningRules partRules() {
    Map<MethodKey, Object> given = keys.values();
    given.remove(MethodKey.UPDATE);
    plan = PruningPlan.asked(null, given, null, Unreached.of(unreached), requantize);
    return plan.rules();
  }

  public Optional<Update> partUpdate() {
    return Optional.ofNullable((String) keys.values().get(MethodKey.UPDATE))
        .map(word -> Labelled.of(word, List.of(Update.values()), "--update"));
  }

  public boolean requantize() {
    return requantize;
  }

  public Map<String, List<Path>> files() {
    return plan.named();
  }

  /** Checks that the shares are the same when an interrupted run in place is run again. */
  public void checkInPlace() {
    plan.checkInPlace();
  }

  /** Returns the allocation of a name or file, uniform for null. */
  static Allocation allocation(String allocation) {
    if (allocation == null) {
      return Allocation.Rule.UNIFORM;
    }
    Optional<Allocation.Rule> rule = Allocation.Rule.of(allocation);
    if (rule.isEmpty() && !allocation.endsWith(JSON)) {
      throw new UsageException(
          "--allocation: expected %s or a file that ends in .json, found '%s'"
              .formatted(String.join(", ", Allocation.Rule.labels()), allocation));
    }
    return rule.isPresent() ? rule.get() : new Allocation.FromFile(Path.of(allocation));
  }

  public void warnOfIdle(PruningRules rules, OutputOptions output) {
    if (!rules.update() && plan().removal().isEmpty()) {
      output.warnIfGiven("no weight is fitted", "--requantize");
    }
    if (recipeFile != null) {
      return;
    }
    sayWhatFollowsSparseGpt(rules.common(), output);
    if (rules.common().method() != Method.RIA) {
      output.warnIfGiven("only ria has a choice", "--scope");
    } else if (rules.common().sparsity() instanceof Sparsity.GroupPattern) {
      output.warnIfGiven("a pattern's groups lie within rows", "--scope");
    }
  }

  /** Says what an update takes over from SparseGPT, which fits weights by itself. */
  private static void sayWhatFollowsSparseGpt(ModuleRules rules, OutputOptions output) {
    if (rules.method() != Method.SPARSEGPT || !rules.reconstruct()) {
      return;
    }
    output.say(
        rules.alps()
            ? "sparsegpt gives the mask that ALPS begins with; ALPS chooses it again and fits the"
                + " dense weights, so those that sparsegpt has fitted are not used"
            : "sparsegpt gives the mask and fitted weights, and --update reconstruct fits these"
                + " further");
  }
}
