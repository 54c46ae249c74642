package io.github.wandacuda.job;

import io.github.wandacuda.calibrate.Progress;
import io.github.wandacuda.calibrate.statistics.GramFile;
import io.github.wandacuda.job.module.ModuleRequest;
import io.github.wandacuda.job.output.ModulePruner;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.MasksIn;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.prune.ModuleResult;
import io.github.wandacuda.prune.layer.LayerInputs;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/**
 * Prunes modules by what a file says of their inputs, or by nothing but their weights. Second
 * moments are read one module at a time, since all of them are larger than a model.
 *
 * @param scope the run's modules and rules
 * @param pruner prunes modules and puts them where they belong
 * @param progress is told of each module that is done
 */
record StatisticsPass(RunScope scope, ModulePruner pruner, Progress progress) {

  /** Prunes modules, and returns a result for each. */
  List<ModuleResult> run(List<LinearModule> modules) {
    List<LinearModule> without =
        modules.stream().filter(module -> !scope.rules().of(module).needsMoments()).toList();
    List<LinearModule> with =
        modules.stream().filter(module -> scope.rules().of(module).needsMoments()).toList();
    List<ModuleResult> results =
        new ArrayList<>(
            pruner.prune(without.stream().map(scope::moduleRequest).toList(), progress));
    if (!with.isEmpty()) {
      results.addAll(byMoments(with));
    }
    return results;
  }

  private List<ModuleResult> byMoments(List<LinearModule> modules) {
    Calibration.FromStatistics source = (Calibration.FromStatistics) scope.request().calibration();
    List<ModuleResult> results = new ArrayList<>();
    try (GramFile file = GramFile.open(source.file())) {
      for (LinearModule module : modules) {
        try (Arena arena = Arena.ofShared()) {
          float[] norms = scope.norms(module);
          LayerInputs inputs =
              new LayerInputs(
                  norms,
                  file.read(module.name(), norms, arena),
                  0,
                  MasksIn.of(scope.request().masks(), module));
          results.addAll(
              pruner.prune(List.of(new ModuleRequest(module, inputs, null)), Progress.NONE));
        }
        progress.step(
            "module", results.size(), modules.size(), (double) results.size() / modules.size());
      }
    }
    return results;
  }
}
