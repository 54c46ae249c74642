package io.github.wandacuda.job.prune;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.output.SavedSteps;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.job.structure.RemovalRequest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Allocation;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Recipe;
import io.github.wandacuda.pruning.recipe.Recipe.Stage;
import io.github.wandacuda.pruning.recipe.Unreached;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A plan of what is pruned: the same for all modules, or by the stages of a recipe.
 *
 * @param rules for modules, with totals that aren't shared out yet
 * @param recipe from which the rules come, if they do
 * @param allocation how the total is shared out without a recipe
 */
public record PruningPlan(PruningRules rules, Optional<Recipe> recipe, Allocation allocation) {
  private static final Pattern ALL = Pattern.compile("");

  /**
   * Plans what a user asks for, and refuses contradictions.
   *
   * @param recipe the file of a recipe, which says itself what keys and allocation would say; null
   *     without one
   * @param given the values that the user gave, by key
   * @param allocation how the total is shared out; null if the user didn't say
   * @param unreached what happens to modules that no sample reaches
   * @param requantize whether fitted weights may be rounded to a quantized checkpoint's codes
   * @throws io.github.wandacuda.error.UsageException if what is given contradicts itself
   */
  public static PruningPlan asked(
      Path recipe,
      Map<MethodKey, Object> given,
      Allocation allocation,
      Unreached unreached,
      boolean requantize) {
    if (recipe != null && (!given.isEmpty() || allocation != null)) {
      throw new UsageException(
          Arrays.stream(MethodKey.values())
              .map(key -> "`%s`".formatted(key.label()))
              .collect(
                  Collectors.joining(", ", "`recipe` says itself what ", " and `allocation` say")));
    }
    PruningPlan plan =
        recipe != null
            ? of(recipe, unreached)
            : of(
                new PruningRules(ModuleRules.asked(given), unreached),
                allocation == null ? Allocation.Rule.UNIFORM : allocation);
    return requantize ? plan.requantizing() : plan;
  }

  /**
   * Plans the same for all modules.
   *
   * @param allocation how the total is shared out
   */
  public static PruningPlan of(PruningRules rules, Allocation allocation) {
    PruningPlan plan = new PruningPlan(rules, Optional.empty(), allocation);
    if (plan.shares()) {
      SharedSparsity.total(rules);
    }
    plan.files().forEach(InputFile::require);
    return plan;
  }

  /** Plans what a recipe says. */
  public static PruningPlan of(Path file, Unreached unreached) {
    Recipe recipe = Recipe.read(file);
    PruningPlan plan =
        new PruningPlan(rules(recipe, unreached), Optional.of(recipe), Allocation.Rule.UNIFORM);
    plan.files().forEach(InputFile::require);
    return plan;
  }

  /**
   * Returns the same plan, in which fitted weights may be rounded to a quantized checkpoint's
   * codes.
   */
  public PruningPlan requantizing() {
    return new PruningPlan(rules.requantizing(), recipe, allocation);
  }

  private static PruningRules rules(Recipe recipe, Unreached unreached) {
    List<PruningRules.Stage> stages =
        recipe.stages().stream()
            .map(stage -> new PruningRules.Stage(stage.modules().orElse(ALL), stage.rules()))
            .toList();
    return new PruningRules(ModuleRules.NOTHING, stages, Map.of(), unreached, Set.of(), false);
  }

  /** Returns the files that the plan was read from: the recipe's and those of allocations. */
  public List<Path> files() {
    List<Path> files = new ArrayList<>();
    recipe.map(Recipe::file).ifPresent(files::add);
    for (Allocation each : allocations()) {
      if (each instanceof Allocation.FromFile from) {
        files.add(from.file());
      }
    }
    return files;
  }

  /** Returns these files by the names that a run's record has for them. */
  public Map<String, List<Path>> named() {
    if (recipe.isPresent()) {
      return Map.of(Provenance.RECIPE, List.of(recipe.get().file()));
    }
    return files().isEmpty() ? Map.of() : Map.of("allocation", files());
  }

  /** Returns what a recipe removes before anything is pruned. */
  public Optional<RemovalRequest> removal() {
    return recipe
        .flatMap(Recipe::parts)
        .map(parts -> new RemovalRequest(parts, rules.requantize()));
  }

  /**
   * Checks that each stage of a recipe has modules.
   *
   * @throws io.github.wandacuda.error.UsageException if one has none
   */
  public void check(List<LinearModule> chosen) {
    recipe.ifPresent(given -> given.stagesOf(names(chosen)));
  }

  private static List<String> names(List<LinearModule> chosen) {
    return chosen.stream().map(LinearModule::name).toList();
  }

  /** Returns whether modules may get different shares. */
  public boolean shares() {
    return allocations().stream().anyMatch(each -> each != Allocation.Rule.UNIFORM);
  }

  /** Returns how totals are shared out, one for each stage of a recipe, or one. */
  public List<Allocation> allocations() {
    return recipe
        .map(given -> given.stages().stream().map(Stage::allocation).toList())
        .orElse(List.of(allocation));
  }

  /**
   * Shares a request's totals out. The losses that a search measures for it are kept in the output,
   * if that is a directory.
   *
   * @param request whose rules have totals
   * @param chosen modules that get a share each
   * @param backend runs the samples; the caller closes it
   * @param on a cluster for that, if there is one
   * @param progress is told of what runs through the model for it
   * @return the same request with a share for each module
   */
  public PruneRequest share(
      PruneRequest request,
      ModelDirectory model,
      List<LinearModule> chosen,
      Backend backend,
      Optional<OnCluster> on,
      Progress progress) {
    Calibration calibration = request.calibration();
    Function<SavedSteps, SharedSparsity> sharing =
        steps ->
            share(
                new SharedSparsity.Means(model, backend, calibration, on, steps, progress), chosen);
    List<Boolean> stages = allocations().stream().map(Allocation.Rule.ATP::equals).toList();
    boolean searches = stages.contains(true) && calibration instanceof Calibration.FromSamples;
    boolean begins = searches && !model.isGguf();
    SharedSparsity shared =
        begins
            ? new DirectoryTarget(RunScope.of(model, request), on).search(stages, backend, sharing)
            : sharing.apply(SavedSteps.none());
    return request.with(shared.rules(), shared.label(), begins || request.resume());
  }

  /**
   * Refuses shares that a resumed run in place would compute from weights that are pruned already.
   *
   * @throws io.github.wandacuda.error.UsageException if the plan has such
   */
  public void checkInPlace() {
    if (allocations().stream().anyMatch(Allocation::readsWeights)) {
      throw new UsageException(
          "`in-place` can't share out by atp, dlp or owl: on a model that is pruned in part they"
              + " give other shares, so an interrupted run could not be ended; `allocation` FILE"
              + " can say the shares");
    }
  }

  /** Returns rules with each module's share, and how it was found; null if all get the same. */
  public SharedSparsity share(
      ModelDirectory model,
      List<LinearModule> chosen,
      Backend backend,
      Calibration calibration,
      Optional<OnCluster> on,
      Progress progress) {
    SavedSteps none = SavedSteps.none();
    return share(new SharedSparsity.Means(model, backend, calibration, on, none, progress), chosen);
  }

  private SharedSparsity share(SharedSparsity.Means means, List<LinearModule> chosen) {
    if (!shares()) {
      return new SharedSparsity(rules, null);
    }
    if (recipe.isEmpty()) {
      return SharedSparsity.of(allocation, means, rules, chosen);
    }
    Map<String, Stage> stages = recipe.get().stagesOf(names(chosen));
    Map<String, Double> shares = new HashMap<>();
    List<String> labels = new ArrayList<>();
    for (Stage stage : recipe.get().stages()) {
      if (stage.allocation() != Allocation.Rule.UNIFORM) {
        SharedSparsity shared =
            SharedSparsity.of(
                stage.allocation(),
                means,
                new PruningRules(stage.rules(), rules.unreached()),
                chosen.stream().filter(module -> stages.get(module.name()) == stage).toList());
        shares.putAll(shared.rules().allocated());
        labels.add(shared.label());
      }
    }
    return new SharedSparsity(rules.allocating(shares), String.join("; ", labels));
  }
}
