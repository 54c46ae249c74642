package io.github.wandacuda.job;

import io.github.wandacuda.io.checkpoint.TensorInfo;
import io.github.wandacuda.job.module.ModuleRequest;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.prune.PruningRules;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a run is about, wherever its result goes.
 *
 * @param model the source
 * @param request what is to be done
 * @param rules what is done to the modules
 * @param chosen the modules, in code-point order of their names
 */
record RunScope(
    ModelDirectory model, PruneRequest request, PruningRules rules, List<LinearModule> chosen) {

  /**
   * Chooses modules, and checks that they can be pruned as asked.
   *
   * @throws io.github.wandacuda.error.UsageException if a pattern matches nothing
   * @throws io.github.wandacuda.error.InputException if a module can't be pruned, or has no norms
   */
  static RunScope of(ModelDirectory model, PruneRequest request) {
    PruningRules rules = request.rules();
    List<LinearModule> chosen = model.choose(request.choice());
    chosen.forEach(rules::check);
    if (request.calibration() instanceof Calibration.FromStatistics statistics) {
      new NormLookup(statistics).check(chosen, request.unreached());
    }
    return new RunScope(model, request, rules, chosen);
  }

  /** Returns whether norms come from samples that run through the model. */
  boolean isCalibrated() {
    return request.calibration() instanceof Calibration.FromSamples;
  }

  /** Returns a module's norms out of the statistics, or null if they come from elsewhere. */
  float[] norms(LinearModule module) {
    return request.calibration() instanceof Calibration.FromStatistics statistics
        ? new NormLookup(statistics).of(module)
        : null;
  }

  /** Returns a request for a module whose norms are known. */
  ModuleRequest moduleRequest(LinearModule module) {
    return new ModuleRequest(module, norms(module), null);
  }

  /** Returns the tensors that change. */
  Set<TensorInfo> tensors() {
    return chosen.stream().map(LinearModule::tensor).collect(Collectors.toUnmodifiableSet());
  }
}
