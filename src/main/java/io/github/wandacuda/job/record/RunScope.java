package io.github.wandacuda.job.record;

import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.calibration.Statistics.GramFile;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.LayerPruner.LayerInputs;
import io.github.wandacuda.pruning.ModuleRequest;
import io.github.wandacuda.pruning.fit.OutputProjections;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.tune.BlockTuner;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a run works on, whatever its target.
 *
 * @param model the source
 * @param request what was asked for
 * @param rules by which modules are pruned
 * @param chosen the modules to prune, in code-point order of their names
 */
public record RunScope(
    ModelDirectory model, PruneRequest request, PruningRules rules, List<LinearModule> chosen) {
  /**
   * Chooses modules, and checks that they can be pruned as asked.
   *
   * @throws io.github.wandacuda.error.UsageException if a pattern matches nothing
   * @throws InputException if a module can't be pruned, or has no norms
   */
  public static RunScope of(ModelDirectory model, PruneRequest request) {
    PruningRules rules = request.rules();
    List<LinearModule> chosen =
        model.choose(request.choice()).stream().filter(rules::areFor).toList();
    rules.check(chosen);
    if (rules.realign()) {
      if (!(request.calibration() instanceof Calibration.FromSamples samples)) {
        throw new UsageException(
            "`update` %s needs `calibration` FILE".formatted(rules.tune() ? "tune" : "realign"));
      }
      if (rules.tune()) {
        checkTuning(samples);
      }
      Optional<InputException> problem =
          OutputProjections.problem(model, Structure.Update.REALIGN, true);
      if (problem.isPresent()) {
        throw problem.get();
      }
    }
    if (request.calibration() instanceof Calibration.FromStatistics statistics) {
      chosen.stream()
          .filter(module -> rules.of(module).needsNorms())
          .forEach(module -> rules.unreached().check(module, norms(statistics, module)));
      requireMoments(
          statistics, chosen.stream().filter(module -> rules.of(module).needsMoments()).toList());
    }
    request
        .masks()
        .ifPresent(
            in ->
                in.masks()
                    .require(
                        chosen.stream()
                            .filter(module -> rules.of(module).method() == Method.MASKS)
                            .toList()));
    return new RunScope(model, request, rules, chosen);
  }

  /** Refuses a fit by gradients to few samples. */
  private static void checkTuning(Calibration.FromSamples samples) {
    long tokens = (long) samples.samples().size() * samples.sequenceLength();
    if (tokens < BlockTuner.FEWEST_TOKENS || samples.samples().size() < BlockTuner.FEWEST_SAMPLES) {
      throw new UsageException(
          "`update` tune: expected at least %d samples, and %d tokens in all, found %d samples of %d"
              .formatted(
                  BlockTuner.FEWEST_SAMPLES,
                  BlockTuner.FEWEST_TOKENS,
                  samples.samples().size(),
                  samples.sequenceLength()));
    }
  }

  private static void requireMoments(
      Calibration.FromStatistics statistics, List<LinearModule> modules) {
    if (modules.isEmpty()) {
      return;
    }
    if (!Statistics.isOne(statistics.file())) {
      throw noMoments(statistics, modules.get(0));
    }
    try (GramFile file = GramFile.open(statistics.file())) {
      modules.stream()
          .filter(module -> !file.has(module.name()))
          .findFirst()
          .ifPresent(
              module -> {
                throw noMoments(statistics, module);
              });
    }
  }

  private static InputException noMoments(
      Calibration.FromStatistics statistics, LinearModule module) {
    return ErrorDetails.tensor(statistics.file(), module.name() + GramFile.SUFFIX)
        .hint("'wanda-cuda calibrate' with `second-moments` writes them")
        .wrong("the second moments of the module's inputs", "no such tensor");
  }

  /** Returns the chosen modules of a shard. */
  public List<LinearModule> modules(SafetensorsFile shard) {
    return chosen.stream().filter(module -> module.shard() == shard).toList();
  }

  /** Returns whether norms come from samples that run through the model. */
  public boolean isCalibrated() {
    return request.calibration() instanceof Calibration.FromSamples;
  }

  /**
   * Returns a module's norms from the statistics.
   *
   * @return null if there are none or none are needed
   */
  public float[] norms(LinearModule module) {
    return request.calibration() instanceof Calibration.FromStatistics statistics
            && rules.of(module).needsNorms()
        ? norms(statistics, module)
        : null;
  }

  /**
   * Returns a module's request with what the statistics say about it. Second moments are read when
   * it is pruned.
   */
  public ModuleRequest moduleRequest(LinearModule module) {
    float[] norms = norms(module);
    return new ModuleRequest(
        module,
        new LayerInputs(norms, null, 0, PruneRequest.MasksIn.of(request.masks(), module)),
        null);
  }

  /** Returns the file of second moments, if norms come from a file. */
  public Optional<Path> moments() {
    return request.calibration() instanceof Calibration.FromStatistics statistics
        ? Optional.of(statistics.file())
        : Optional.empty();
  }

  /**
   * Returns the names of the output's tensors whose kept weights are no longer the source's: those
   * that this run fits, and those that were fitted when parts of the model were removed before.
   *
   * @param results what became of the modules, by which those are known that nothing reached
   */
  public Set<String> fitted(List<ModuleResult> results) {
    PruningRules after = rules.after(results);
    Set<String> names = new HashSet<>();
    request.smaller().ifPresent(first -> names.addAll(first.record().fitted()));
    chosen.stream()
        .filter(module -> after.of(module).updates())
        .forEach(module -> names.add(module.tensor().name()));
    return names;
  }

  public static Set<TensorInfo> tensors(List<LinearModule> modules) {
    return modules.stream().map(LinearModule::tensor).collect(Collectors.toUnmodifiableSet());
  }

  private static float[] norms(Calibration.FromStatistics source, LinearModule module) {
    float[] norms = source.statistics().norms().get(module.name());
    ErrorDetails place = ErrorDetails.tensor(source.file(), module.name() + ".input_norm");
    if (norms == null) {
      throw place
          .hint("take this model's own statistics, or leave the module out with `exclude`")
          .wrong(
              "the norms of the module's %d input columns".formatted(module.columns()),
              "no such tensor");
    }
    if (norms.length != module.columns()) {
      throw place
          .hint("take this model's own statistics")
          .wrong("one norm for each of %d input columns".formatted(module.columns()), norms.length);
    }
    return norms;
  }
}
