package io.github.wandacuda.model;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * Which of a model's linear modules are meant. Without patterns to include, all but routers are; a
 * pattern matches where it is found anywhere in a module's name; patterns to exclude are applied
 * last.
 *
 * @param include patterns that replace the default choice
 * @param exclude patterns that remove from it
 */
public record ModuleChoice(List<Pattern> include, List<Pattern> exclude) {
  /** All modules but routers. */
  public static final ModuleChoice DEFAULT = new ModuleChoice(List.of(), List.of());

  /** Copies the lists. */
  public ModuleChoice {
    include = List.copyOf(include);
    exclude = List.copyOf(exclude);
  }

  /**
   * Returns the chosen ones of {@code candidates}, in their order.
   *
   * @throws UsageException if a pattern matches none of them, or nothing is left
   * @throws io.github.wandacuda.error.InputException if a chosen weight is of a type that can't be
   *     pruned
   */
  public List<LinearModule> of(List<LinearModule> candidates) {
    include.forEach(pattern -> requireMatch("--include", pattern, candidates));
    exclude.forEach(pattern -> requireMatch("--exclude", pattern, candidates));
    Predicate<LinearModule> included =
        include.isEmpty() ? module -> !module.router() : module -> matchesAny(include, module);
    List<LinearModule> chosen =
        candidates.stream()
            .filter(included)
            .filter(module -> !matchesAny(exclude, module))
            .toList();
    if (chosen.isEmpty() && !candidates.isEmpty()) {
      throw new UsageException("--include and --exclude leave no linear module to prune");
    }
    chosen.forEach(ModuleChoice::requirePrunable);
    return chosen;
  }

  private static void requireMatch(String option, Pattern pattern, List<LinearModule> candidates) {
    if (candidates.stream().noneMatch(module -> pattern.matcher(module.name()).find())) {
      throw new UsageException(
          "%s '%s' matches none of the model's %d linear modules"
              .formatted(option, pattern, candidates.size()));
    }
  }

  private static boolean matchesAny(List<Pattern> patterns, LinearModule module) {
    return patterns.stream().anyMatch(pattern -> pattern.matcher(module.name()).find());
  }

  private static void requirePrunable(LinearModule module) {
    if (!module.prunable()) {
      throw new InputException(
          module
              .place()
              .expected("F32, F16 or BF16 to prune", Printable.of(module.tensor().dtype()))
              .hint("leave it out with --exclude"));
    }
  }
}
