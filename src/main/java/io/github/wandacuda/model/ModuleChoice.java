package io.github.wandacuda.model;

import io.github.wandacuda.checkpoint.NamePatterns;
import io.github.wandacuda.checkpoint.NamePatterns.Search;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import java.io.Serializable;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A choice of a model's linear modules. Without patterns to include, all but routers are chosen. A
 * pattern matches a module if it is found anywhere in its name. Patterns to exclude are applied
 * last. Blocks that predict further tokens are left alone but for patterns that match nothing else.
 *
 * @param include patterns that replace the default choice
 * @param exclude patterns that remove from it
 */
public record ModuleChoice(List<Pattern> include, List<Pattern> exclude) implements Serializable {
  /** All modules but routers. */
  public static final ModuleChoice DEFAULT = new ModuleChoice(List.of(), List.of());

  /** How many names a message shows if a pattern matches none. */
  private static final int SHOWN = 3;

  /** Copies the lists. */
  public ModuleChoice {
    include = List.copyOf(include);
    exclude = List.copyOf(exclude);
  }

  /**
   * Returns the chosen modules of {@code candidates}, in their order.
   *
   * @throws UsageException if a pattern matches none of them, if matching takes too long, or if no
   *     module is chosen
   * @throws io.github.wandacuda.error.InputException if a chosen weight is of a type that can't be
   *     pruned
   */
  public List<LinearModule> of(List<LinearModule> candidates) {
    List<LinearModule> chosen =
        include.isEmpty() && exclude.isEmpty()
            ? matching(candidates, new Search())
            : NamePatterns.inTime(
                ErrorDetails.of("`include` and `exclude`"), search -> matching(candidates, search));
    chosen.forEach(ModuleChoice::requirePrunable);
    return chosen;
  }

  /**
   * Returns the modules in whose names a pattern is found, whatever their weights are.
   *
   * @param option what gives the pattern, for messages
   * @throws UsageException if it is found in none, or if matching takes too long
   */
  public static List<LinearModule> named(
      String option, Pattern pattern, List<LinearModule> candidates) {
    return NamePatterns.inTime(
        ErrorDetails.of(option),
        search -> {
          requireMatch(option, pattern, candidates, search);
          return candidates.stream()
              .filter(module -> search.finds(pattern, module.name()))
              .toList();
        });
  }

  private List<LinearModule> matching(List<LinearModule> candidates, Search search) {
    include.forEach(pattern -> requireMatch("`include`", pattern, candidates, search));
    exclude.forEach(pattern -> requireMatch("`exclude`", pattern, candidates, search));
    Predicate<LinearModule> included =
        include.isEmpty()
            ? module -> !module.router() && !module.further()
            : included(candidates, search);
    List<LinearModule> chosen =
        candidates.stream()
            .filter(included)
            .filter(module -> !matchesAny(exclude, module, search))
            .toList();
    if (chosen.isEmpty() && !candidates.isEmpty()) {
      throw ErrorDetails.NOWHERE
          .hint("'wanda-cuda inspect' lists the names")
          .refused("`include` and `exclude` leave no linear module to prune");
    }
    return chosen;
  }

  private Predicate<LinearModule> included(List<LinearModule> candidates, Search search) {
    List<Pattern> ofDecoder =
        include.stream()
            .filter(
                pattern ->
                    candidates.stream()
                        .anyMatch(
                            module -> !module.further() && search.finds(pattern, module.name())))
            .toList();
    List<Pattern> ofFurther =
        include.stream().filter(pattern -> !ofDecoder.contains(pattern)).toList();
    return module -> matchesAny(module.further() ? ofFurther : ofDecoder, module, search);
  }

  private static void requireMatch(
      String option, Pattern pattern, List<LinearModule> candidates, Search search) {
    if (candidates.stream().noneMatch(module -> search.finds(pattern, module.name()))) {
      throw new UsageException(
          ErrorDetails.of(option)
              .expected(
                  "a pattern that is found in a module's name",
                  "'%s'".formatted(Printable.of(pattern.pattern())))
              .said(
                  "'%s' matches none of the model's %d linear modules"
                      .formatted(Printable.of(pattern.pattern()), candidates.size()))
              .hint(hint(pattern, candidates)));
    }
  }

  private static String hint(Pattern pattern, List<LinearModule> candidates) {
    String names =
        candidates.stream()
            .limit(SHOWN)
            .map(module -> Printable.of(module.name()))
            .collect(Collectors.joining(", "));
    String alternatives =
        pattern.pattern().contains(",")
            ? "for one or the other write '%s'; "
                .formatted(Printable.of(pattern.pattern().replaceAll(",\\s*", "|")))
            : "";
    return alternatives + "names are " + names + (candidates.size() > SHOWN ? ", ..." : "");
  }

  private static boolean matchesAny(List<Pattern> patterns, LinearModule module, Search search) {
    return patterns.stream().anyMatch(pattern -> search.finds(pattern, module.name()));
  }

  private static void requirePrunable(LinearModule module) {
    if (!module.prunable()) {
      if (module.quantized() != null) {
        throw module.quantized().unprunable();
      }
      throw module
          .place()
          .hint("leave it out with `exclude` '%s'".formatted(module.name()))
          .wrong("F32, F16 or BF16 to prune", Printable.of(module.tensor().dtype()));
    }
  }
}
