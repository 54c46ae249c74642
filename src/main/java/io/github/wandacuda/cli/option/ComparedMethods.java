package io.github.wandacuda.cli.option;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.prune.Method;
import io.github.wandacuda.prune.ModuleRules;
import io.github.wandacuda.prune.ModuleRules.Scope;
import io.github.wandacuda.prune.ModuleRules.Swaps;
import io.github.wandacuda.prune.SparsityParser;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import picocli.CommandLine.Option;

/** Options for which methods are compared, and at which sparsities. */
public final class ComparedMethods {
  private static final String PLUS = "+";

  /** All methods but those whose masks come from files. */
  private static final Set<Method> WITHOUT_FILES = EnumSet.complementOf(EnumSet.of(Method.MASKS));

  @Option(
      names = "--methods",
      paramLabel = "LIST",
      hideParamSyntax = true,
      split = ",",
      defaultValue = "wanda,magnitude",
      description =
          "Methods, with commas between them; each may have +swaps, +reconstruct or both behind it"
              + " (default: ${DEFAULT-VALUE}).")
  private List<String> methods;

  @Option(
      names = "--sparsity",
      paramLabel = "LIST",
      hideParamSyntax = true,
      split = ",",
      description =
          "Fractions that are pruned, with commas between them (default: 0.5, unless --pattern is"
              + " given).")
  private List<String> sparsities = List.of();

  @Option(
      names = "--pattern",
      paramLabel = "LIST",
      hideParamSyntax = true,
      split = ",",
      description = "Patterns N:M, with commas between them.")
  private List<String> patterns = List.of();

  /** Returns the names of the methods that can be compared. */
  public static List<String> words() {
    return WITHOUT_FILES.stream().map(Method::label).toList();
  }

  /**
   * Returns the rules of each run: method by method, and for each one sparsity after the other.
   *
   * @throws UsageException if a name or number is none, occurs twice, or goes with no other
   */
  public List<ModuleRules> rules() {
    List<ModuleRules> all = new ArrayList<>();
    Set<Sparsity> amounts = amounts();
    for (String method : distinct("--methods", methods)) {
      amounts.forEach(amount -> all.add(rules(method, amount)));
    }
    return all;
  }

  private Set<Sparsity> amounts() {
    Set<Sparsity> amounts = new LinkedHashSet<>();
    sparsities.forEach(text -> add(amounts, SparsityParser.ratio(text.strip())));
    patterns.forEach(text -> add(amounts, SparsityParser.pattern(text.strip())));
    if (amounts.isEmpty()) {
      amounts.add(MethodOptions.DEFAULT_SPARSITY);
    }
    return amounts;
  }

  private static void add(Set<Sparsity> amounts, Sparsity amount) {
    if (!amounts.add(amount)) {
      throw new UsageException("%s is given twice".formatted(amount));
    }
  }

  private static Set<String> distinct(String option, List<String> given) {
    Set<String> distinct = new LinkedHashSet<>();
    for (String each : given) {
      if (!distinct.add(each.strip())) {
        throw new UsageException(
            "%s: '%s' is given twice".formatted(option, Printable.of(each.strip())));
      }
    }
    return distinct;
  }

  private static ModuleRules rules(String text, Sparsity amount) {
    boolean reconstruct = text.endsWith(PLUS + ModuleRules.RECONSTRUCT);
    String before = reconstruct ? without(text, ModuleRules.RECONSTRUCT) : text;
    boolean swaps = before.endsWith(PLUS + ModuleRules.SWAPS);
    Method method = Method.of(swaps ? without(before, ModuleRules.SWAPS) : before, WITHOUT_FILES);
    return new ModuleRules(
        method,
        Scope.MATRIX,
        amount,
        swaps ? Optional.of(new Swaps(OptionalInt.empty())) : Optional.empty(),
        reconstruct);
  }

  private static String without(String text, String last) {
    return text.substring(0, text.length() - PLUS.length() - last.length());
  }
}
