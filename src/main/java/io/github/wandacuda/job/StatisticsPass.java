package io.github.wandacuda.job;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics.GramFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerPruner.LayerInputs;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PruningRules;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * Prunes modules by what a file says of their inputs, or by nothing but their weights. Second
 * moments are read one module at a time, since all of them are larger than a model.
 */
record StatisticsPass(
    PruningRules rules,
    Function<LinearModule, ModuleRequest> requests,
    Optional<Path> moments,
    ModulePruner pruner,
    Progress progress) {
  public List<ModuleResult> run(List<LinearModule> modules) {
    List<LinearModule> without =
        modules.stream().filter(module -> !rules.of(module).needsMoments()).toList();
    List<LinearModule> with =
        modules.stream().filter(module -> rules.of(module).needsMoments()).toList();
    List<ModuleResult> results =
        new ArrayList<>(pruner.prune(without.stream().map(requests).toList(), progress));
    if (!with.isEmpty()) {
      results.addAll(byMoments(with));
    }
    return results;
  }

  private List<ModuleResult> byMoments(List<LinearModule> modules) {
    List<ModuleResult> results = new ArrayList<>();
    try (GramFile file = GramFile.open(moments.orElseThrow())) {
      for (LinearModule module : modules) {
        try (Arena arena = Arena.ofShared()) {
          LayerInputs known = requests.apply(module).inputs();
          float[] norms = known.norms();
          LayerInputs inputs =
              new LayerInputs(norms, file.read(module.name(), norms, arena), 0, known.mask());
          results.addAll(
              pruner.prune(List.of(new ModuleRequest(module, inputs, null)), Progress.NONE));
        }
        progress.step("module", results.size(), modules.size());
      }
    }
    return results;
  }
}
