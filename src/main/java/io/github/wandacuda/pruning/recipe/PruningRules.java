package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.checkpoint.NamePatterns;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.model.LinearModule;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What is done to the chosen modules.
 *
 * @param common what is done to a module that no stage is for
 * @param stages the stages of a recipe; the first one that is for a module holds. Without any,
 *     {@code common} holds for all
 * @param allocated the shares of modules by name, where they differ
 * @param unreached what becomes of modules that no sample reached
 * @param kept names of modules that stay as they are, known once norms are
 * @param requantize whether weights that are fitted may be rounded to the codes of a quantized
 *     checkpoint
 */
public record PruningRules(
    ModuleRules common,
    List<Stage> stages,
    Map<String, Double> allocated,
    Unreached unreached,
    Set<String> kept,
    boolean requantize) {
  private static final Pattern BLOCK = Pattern.compile("\\.\\d+(?=\\.|$)");

  /**
   * What is done to some modules.
   *
   * @param modules is found in the names of those that it is for
   * @param rules what is done to them
   * @param searched whether it was found, by module's name: each name is searched once
   */
  public record Stage(Pattern modules, ModuleRules rules, Map<String, Boolean> searched) {
    /** Makes a stage that hasn't been searched for yet. */
    public Stage(Pattern modules, ModuleRules rules) {
      this(modules, rules, new ConcurrentHashMap<>());
    }

    /**
     * Returns whether the stage is for a module.
     *
     * @throws io.github.wandacuda.error.UsageException if the search takes too long
     */
    boolean isFor(LinearModule module) {
      return searched.computeIfAbsent(
          module.name(),
          name ->
              NamePatterns.inTime(
                  ErrorDetails.of("modules"), search -> search.finds(modules, name)));
    }
  }

  public PruningRules {
    stages = List.copyOf(stages);
    allocated = Map.copyOf(allocated);
    kept = Set.copyOf(kept);
  }

  /** Makes rules that do the same to all modules. */
  public PruningRules(ModuleRules common, Unreached unreached) {
    this(common, List.of(), Map.of(), unreached, Set.of(), false);
  }

  /** Returns the same rules, which may round fitted weights to a quantized checkpoint's codes. */
  public PruningRules requantizing() {
    return new PruningRules(common, stages, allocated, unreached, kept, true);
  }

  /** Returns what is done in a word: {@code wanda+swaps}, or that it is a recipe. */
  public String label() {
    return stages.isEmpty() ? common.label() : "recipe";
  }

  /** Returns the method's name, or that it is a recipe. */
  public String method() {
    return stages.isEmpty() ? common.method().label() : "recipe";
  }

  /** Returns how much goes, in words. */
  public String amount() {
    return stages.isEmpty() ? common.amount() : "as it says";
  }

  /**
   * Returns the same rules for a run that kept some modules as they are.
   *
   * @param names of those modules
   */
  public PruningRules keeping(Set<String> names) {
    return new PruningRules(common, stages, allocated, unreached, names, requantize);
  }

  /** Returns the same rules without what follows the choice of masks. */
  public PruningRules masksAlone() {
    return new PruningRules(
        common.maskAlone(),
        stages.stream()
            .map(stage -> new Stage(stage.modules(), stage.rules().maskAlone()))
            .toList(),
        allocated,
        unreached,
        kept,
        requantize);
  }

  /**
   * Returns the same rules with a share for each module.
   *
   * @param shares by module's name, from 0 to 1
   */
  public PruningRules allocating(Map<String, Double> shares) {
    return new PruningRules(common, stages, shares, unreached, kept, requantize);
  }

  /**
   * Returns the same rules once it is known which modules no sample reached.
   *
   * @param results of all modules
   */
  public PruningRules after(List<ModuleResult> results) {
    return unreached == Unreached.KEEP ? keeping(Set.copyOf(Unreached.in(results))) : this;
  }

  /** Returns what is done to a module; {@link ModuleRules#NOTHING} if it stays as it is. */
  public ModuleRules of(LinearModule module) {
    if (kept.contains(module.name())) {
      return ModuleRules.NOTHING;
    }
    ModuleRules rules = stage(module).map(Stage::rules).orElse(common);
    Double share = allocated.get(module.name());
    ModuleRules shared = share == null ? rules : rules.with(new Sparsity.Ratio(share));
    return shared.isNothing() ? ModuleRules.NOTHING : shared;
  }

  /**
   * Returns whether a module is to be pruned: all are without stages, else those that a stage is
   * for.
   */
  public boolean areFor(LinearModule module) {
    return stages.isEmpty() || stage(module).isPresent();
  }

  private Optional<Stage> stage(LinearModule module) {
    return stages.stream().filter(stage -> stage.isFor(module)).findFirst();
  }

  /**
   * Checks that modules can be pruned so.
   *
   * @throws io.github.wandacuda.error.InputException if the columns of one don't fall into groups,
   *     or the codes of one would have to change that are kept; the message says how all such
   *     modules are left out
   */
  public void check(List<LinearModule> modules) {
    requireKeptCodes(modules);
    List<LinearModule> unfit = modules.stream().filter(module -> unfit(module) != null).toList();
    if (!unfit.isEmpty()) {
      LinearModule first = unfit.get(0);
      Sparsity.GroupPattern pattern = unfit(first);
      throw first
          .place()
          .hint(
              unfit.size() == modules.size()
                  ? "take another pattern, this one fits no module"
                  : "leave it out with `exclude` '%s'".formatted(names(unfit)))
          .wrong(
              "columns that are a multiple of %d for pattern %s".formatted(pattern.size(), pattern),
              first.columns());
    }
  }

  private void requireKeptCodes(List<LinearModule> modules) {
    List<LinearModule> changed =
        modules.stream()
            .filter(module -> of(module).updates() && !canFit(module, requantize))
            .toList();
    if (!changed.isEmpty()) {
      LinearModule first = changed.getFirst();
      boolean rounds = !requantize && first.quantized().canRequantize();
      throw first
          .place()
          .hint(
              (rounds ? "`requantize` rounds them to its codes, or " : "")
                  + "take a method that only chooses weights, without an update"
                  + (changed.size() == modules.size()
                      ? ""
                      : ", or leave it out with `exclude` '%s'".formatted(names(changed))))
          .wrong(
              "%s, since %s changes kept weights"
                  .formatted(
                      requantize ? "F32, F16, BF16, FP8 or FP4" : "F32, F16 or BF16",
                      of(first).label()),
              first.format());
    }
  }

  /**
   * Returns whether a module can store weights that were changed.
   *
   * @param requantize whether they may be rounded to its codes
   */
  public static boolean canFit(LinearModule module, boolean requantize) {
    return module.quantized() == null || (requantize && module.quantized().canRequantize());
  }

  /** Returns a regular expression for some modules, those of any block where there are several. */
  private static String names(List<LinearModule> modules) {
    return modules.stream()
        .map(LinearModule::name)
        .map(name -> modules.size() == 1 ? name : BLOCK.matcher(name).replaceAll(".\\\\d+"))
        .distinct()
        .collect(Collectors.joining("|"));
  }

  /** Returns the pattern into whose groups a module's columns don't fall, or null. */
  private Sparsity.GroupPattern unfit(LinearModule module) {
    ModuleRules rules = of(module);
    return rules.method() != Method.MASKS
            && rules.sparsity() instanceof Sparsity.GroupPattern pattern
            && !pattern.fits(module.columns())
        ? pattern
        : null;
  }

  /** Returns whether all of these modules would stay as they are. */
  public boolean changeNothing(List<LinearModule> modules) {
    return modules.stream().allMatch(module -> of(module).isByTiles() && countsAtMost(module) == 0);
  }

  private long countsAtMost(LinearModule module) {
    return of(module).perRow(module.columns()).count(module.rows(), module.columns());
  }

  /**
   * Returns how many weights of some modules a mask takes out at most, or nothing where a threshold
   * or a change of kept weights decides.
   */
  public Optional<Long> most(List<LinearModule> modules) {
    boolean known =
        modules.stream().map(this::of).allMatch(rules -> rules.countsRows() && !rules.updates());
    return known
        ? Optional.of(modules.stream().mapToLong(this::countsAtMost).sum())
        : Optional.empty();
  }

  /** Returns whether any module makes up for what is missing before its block. */
  public boolean realign() {
    return all().anyMatch(ModuleRules::realign);
  }

  /** Returns whether kept weights of any module are fitted by gradients inside its block. */
  public boolean tune() {
    return all().anyMatch(ModuleRules::tune);
  }

  /** Returns whether the second moments of any module's inputs are needed. */
  public boolean needMoments() {
    return all().anyMatch(ModuleRules::needsMoments);
  }

  /** Returns whether the norms of any module's inputs are needed. */
  public boolean needNorms() {
    return all().anyMatch(ModuleRules::needsNorms);
  }

  /** Returns whether masks have to be given. */
  public boolean needMasks() {
    return all().anyMatch(rules -> rules.method() == Method.MASKS);
  }

  /** Returns whether kept weights of any module change too. */
  public boolean update() {
    return all().anyMatch(ModuleRules::updates);
  }

  /** Returns whether every module can be pruned tile by tile. */
  public boolean areByTiles() {
    return all().allMatch(ModuleRules::isByTiles);
  }

  private Stream<ModuleRules> all() {
    return stages.isEmpty() ? Stream.of(common) : stages.stream().map(Stage::rules);
  }
}
