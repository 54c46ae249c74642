package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.checkpoint.NamePatterns;
import io.github.wandacuda.checkpoint.NamePatterns.Search;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.pruning.recipe.Structure.Parts;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A recipe: stages, of which the first whose pattern matches a module holds for it. A module that
 * no stage matches stays as it is. Before them a stage may remove whole parts, so that they are for
 * the modules of the smaller model.
 *
 * <p>The file is YAML 1.2 with the core schema: a list of stages, or a mapping with that list as
 * {@code stages} and nothing else. A stage is a mapping of
 *
 * <ul>
 *   <li>{@code modules}, a regular expression; all modules without it;
 *   <li>keys of {@link MethodKey}; which go together, {@code recipe.schema.json} says;
 *   <li>{@code allocation}, a name of {@link io.github.wandacuda.pruning.recipe.Allocation.Rule} or
 *       a file whose name ends in {@code .json}, from the recipe's folder; one other than {@code
 *       uniform} can't go with a pattern or with masks, which say themselves how much is pruned.
 * </ul>
 *
 * <p>A stage that removes parts is a mapping of {@code structure} and what {@link Parts} has.
 *
 * @param parts what goes first, if anything
 */
public record Recipe(Path file, Optional<Parts> parts, List<Stage> stages) {
  private static final Logger LOG = LoggerFactory.getLogger(Recipe.class);

  public Recipe {
    stages = List.copyOf(stages);
  }

  /**
   * Reads a file.
   *
   * @throws InputException if it can't be read, or isn't YAML in UTF-8 of at most 1 MiB
   * @throws UsageException if it isn't a recipe; the line names the file, the line in it, what was
   *     expected and what was found
   */
  public static Recipe read(Path file) {
    return new RecipeReader(file).recipe();
  }

  /**
   * Returns the stage of each module that one holds for, in the modules' order. A stage whose
   * modules are all taken by stages before it is named in a warning.
   *
   * @param modules names as in the checkpoint, without {@code .weight}
   * @return by module's name; modules that no stage holds for aren't in it
   * @throws UsageException if a stage's pattern matches no module, or matching takes too long
   */
  public Map<String, Stage> stagesOf(List<String> modules) {
    return NamePatterns.inTime(ErrorDetails.file(file), search -> matching(modules, search));
  }

  private Map<String, Stage> matching(List<String> modules, Search search) {
    Map<String, Stage> byModule = new LinkedHashMap<>();
    Set<Stage> used = new HashSet<>();
    for (String module : modules) {
      Optional<Stage> first =
          stages.stream().filter(stage -> matches(stage, module, search)).findFirst();
      first.ifPresent(
          stage -> {
            byModule.put(module, stage);
            used.add(stage);
          });
    }
    stages.stream()
        .filter(stage -> !used.contains(stage))
        .forEach(stage -> requireMatch(stage, modules, search));
    return byModule;
  }

  private static boolean matches(Stage stage, String module, Search search) {
    return stage.modules().isEmpty() || search.finds(stage.modules().get(), module);
  }

  private void requireMatch(Stage stage, List<String> modules, Search search) {
    if (modules.stream().noneMatch(module -> matches(stage, module, search))) {
      throw ErrorDetails.part(file, "line " + stage.line())
          .hint("'wanda-cuda inspect' lists the names")
          .refused(
              "a stage whose modules are found in a module's name",
              "'%s', which matches none of %d modules"
                  .formatted(
                      Printable.of(stage.modules().map(Pattern::pattern).orElse("")),
                      modules.size()));
    }
    LOG.warn(
        "{}: line {}: all modules of this stage are taken by stages before it",
        Printable.of(file),
        stage.line());
  }

  /**
   * A stage of a recipe: how the modules that it holds for are pruned.
   *
   * @param modules found anywhere in a module's name without {@code .weight}; nothing for all
   *     modules
   * @param rules what is done to them
   * @param allocation how the sparsity is shared out over the blocks of this stage's modules
   * @param line the line at which the stage begins, from 1
   */
  public record Stage(
      Optional<Pattern> modules, ModuleRules rules, Allocation allocation, int line) {}
}
