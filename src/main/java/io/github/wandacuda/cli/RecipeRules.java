package io.github.wandacuda.cli;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.ModuleRules.Scope;
import io.github.wandacuda.pruning.ModuleRules.Swaps;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.Recipe;
import io.github.wandacuda.pruning.Stage;
import io.github.wandacuda.pruning.Unreached;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** Turns a recipe into rules. */
final class RecipeRules {
  private static final Pattern ALL = Pattern.compile("");

  private RecipeRules() {}

  /** Returns the rules of a recipe. */
  static PruningRules of(Recipe recipe, Sparsity otherwise, Unreached unreached) {
    List<PruningRules.Part> parts =
        recipe.stages().stream()
            .map(
                stage ->
                    new PruningRules.Part(stage.modules().orElse(ALL), rules(stage, otherwise)))
            .toList();
    return new PruningRules(ModuleRules.NOTHING, parts, Map.of(), unreached, Set.of());
  }

  /**
   * Returns what a stage does.
   *
   * @param otherwise how much goes if the stage doesn't say it
   */
  static ModuleRules rules(Stage stage, Sparsity otherwise) {
    return new ModuleRules(
        Method.of(stage.method()),
        stage.scope().map(Scope::of).orElse(Scope.MATRIX),
        stage.sparsity().orElse(otherwise),
        stage.swaps() ? Optional.of(new Swaps(stage.swapBudget())) : Optional.empty(),
        stage.reconstruct());
  }

  /** Returns the modules that a stage of a recipe holds for. */
  static List<LinearModule> modules(
      Map<String, Stage> stages, Stage stage, List<LinearModule> chosen) {
    return chosen.stream().filter(module -> stages.get(module.name()) == stage).toList();
  }
}
