package io.github.wandacuda.cli.option;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.prune.PruningPlan;
import io.github.wandacuda.job.structure.RemovalRequest;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Parts;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.system.Labelled;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** Options for which methods are compared, and at which sparsities. */
public final class ComparedMethods {
  private static final String UNIFORM = "uniform";
  private static final List<String> DEFAULT = List.of("wanda", "magnitude");

  /** All methods but those whose masks come from files. */
  @Option(
      names = "--methods",
      paramLabel = "LIST",
      hideParamSyntax = true,
      split = ",",
      description =
          "Methods, with commas between them; each may have +swaps, +reconstruct, +alps, +realign,"
              + " +tune, or +swaps and one of these behind it (default: wanda,magnitude, or none if there"
              + " are just --recipes). Or whole parts, as prune --structure removes them: experts, blocks,"
              + " channels, heads or auto, with a score or update behind it, as in"
              + " channels+flap+none.")
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

  @Option(
      names = "--allocation",
      paramLabel = "LIST",
      hideParamSyntax = true,
      split = ",",
      description =
          "How a sparsity is shared out over blocks, with commas between them: uniform, atp, dlp,"
              + " owl, or a JSON file (default: uniform). A pattern is not shared out.")
  private List<String> allocations = List.of("uniform");

  @Option(
      names = "--recipes",
      paramLabel = "LIST",
      hideParamSyntax = true,
      split = ",",
      description = "Recipes in YAML, with commas between them; each is a run of its own.")
  private List<Path> recipes = List.of();

  public static List<String> words() {
    return Stream.concat(
            Method.WITHOUT_FILES.stream().map(Method::label),
            Stream.of(Structure.values()).map(Structure::label))
        .toList();
  }

  /**
   * Returns what each run does: method by method, for each one sparsity after the other, and each
   * shared out in every way; then the recipes.
   */
  public List<ComparedMethod> runs() {
    List<ComparedMethod> all = new ArrayList<>();
    boolean recipesAlone =
        methods == null && sparsities.isEmpty() && patterns.isEmpty() && !recipes.isEmpty();
    if (!recipesAlone) {
      Set<Sparsity> amounts = amounts();
      for (String method : distinct("--methods", methods == null ? DEFAULT : methods)) {
        Optional<Structure> structure = structure(method);
        for (Sparsity amount : amounts) {
          if (structure.isPresent()) {
            all.add(removal(structure.get(), method, amount));
          } else {
            addShared(all, ModuleRules.of(method, amount, Method.WITHOUT_FILES, "--methods"));
          }
        }
      }
    }
    distinct("--recipes", recipes.stream().map(Path::toString).toList()).stream()
        .map(Path::of)
        .map(file -> recipe(file, recipes))
        .forEach(all::add);
    return all;
  }

  private static Optional<Structure> structure(String method) {
    String name = method.split("\\+", 2)[0];
    return Stream.of(Structure.values()).filter(each -> each.label().equals(name)).findFirst();
  }

  private static ComparedMethod removal(Structure structure, String method, Sparsity amount) {
    if (!(amount instanceof Sparsity.Ratio share)) {
      throw new UsageException("--pattern: parts don't go by one, give a --sparsity");
    }
    String score = structure.usualScore();
    Optional<Update> update = Optional.empty();
    for (String word : method.split("\\+")) {
      if (structure.scores().contains(word)) {
        score = word;
      } else if (!word.equals(structure.label())) {
        update = Optional.of(Labelled.of(word, List.of(Update.values()), "--methods"));
      }
    }
    return new ComparedMethod(
        method,
        Optional.of(share),
        null,
        new RemovalRequest(new Parts(structure, score, share, null, 0, update), false),
        null);
  }

  private void addShared(List<ComparedMethod> all, ModuleRules rules) {
    boolean pattern = rules.sparsity() instanceof Sparsity.GroupPattern;
    if (pattern && sparsities.isEmpty() && allocations.stream().noneMatch(UNIFORM::equals)) {
      throw new UsageException("--allocation: a pattern can't be shared out, give a --sparsity");
    }
    for (String each : pattern ? List.of(UNIFORM) : distinct("--allocation", allocations)) {
      PruningPlan plan =
          PruningPlan.of(
              new PruningRules(rules, Unreached.MAGNITUDE), MethodOptions.allocation(each));
      String name = plan.files().isEmpty() ? each : plan.files().get(0).getFileName().toString();
      all.add(
          ComparedMethod.of(
              rules.label() + (plan.shares() ? "+" + name : ""),
              Optional.of(rules.sparsity()),
              plan));
    }
  }

  /** A recipe is called by its file's name, or by its path where another one has the same name. */
  private static ComparedMethod recipe(Path file, List<Path> all) {
    PruningPlan plan = PruningPlan.of(file, Unreached.MAGNITUDE);
    boolean removes = plan.removal().isPresent();
    if (removes || plan.rules().needMasks()) {
      String why = removes ? "it removes parts, so it" : "masks come from files, so they";
      throw new UsageException(ErrorDetails.file(file).said(why + " can't be compared"));
    }
    boolean alone =
        all.stream().filter(other -> other.getFileName().equals(file.getFileName())).count() == 1;
    return ComparedMethod.of(
        (alone ? file.getFileName() : file).toString(), Optional.empty(), plan);
  }

  private Set<Sparsity> amounts() {
    Set<Sparsity> amounts = new LinkedHashSet<>();
    sparsities.forEach(text -> add(amounts, MethodKey.SPARSITY.read(text.strip(), "--sparsity")));
    patterns.forEach(text -> add(amounts, MethodKey.PATTERN.read(text.strip(), "--pattern")));
    if (amounts.isEmpty()) {
      amounts.add((Sparsity) MethodKey.SPARSITY.otherwise());
    }
    return amounts;
  }

  private static void add(Set<Sparsity> amounts, Object amount) {
    if (!amounts.add((Sparsity) amount)) {
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
}
