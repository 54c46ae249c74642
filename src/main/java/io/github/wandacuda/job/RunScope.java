package io.github.wandacuda.job;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.checkpoint.TensorInfo;
import io.github.wandacuda.job.module.ModuleRequest;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.prune.PruningRules;
import io.github.wandacuda.prune.Unreached;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A run's model, request and modules, whatever its target.
 *
 * @param model the source
 * @param request the request
 * @param rules the rules by which modules are pruned
 * @param chosen the modules to prune, in code-point order of their names
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

  /** Returns a module's norms from the statistics, or null if there are no statistics. */
  float[] norms(LinearModule module) {
    return request.calibration() instanceof Calibration.FromStatistics statistics
        ? new NormLookup(statistics).of(module)
        : null;
  }

  /** Returns a request for a module with the norms of the statistics. */
  ModuleRequest moduleRequest(LinearModule module) {
    return new ModuleRequest(module, norms(module), null);
  }

  /** Returns the tensors that change. */
  Set<TensorInfo> tensors() {
    return chosen.stream().map(LinearModule::tensor).collect(Collectors.toUnmodifiableSet());
  }

  /** The norms of modules in a statistics file, which are checked before anything is written. */
  private record NormLookup(Calibration.FromStatistics source) {

    /**
     * Checks that every module has its norms.
     *
     * @param unreached whether norms may all be zero
     * @throws InputException if a module has none, or not one for each column
     */
    void check(List<LinearModule> modules, Unreached unreached) {
      modules.forEach(module -> unreached.check(module, of(module)));
    }

    float[] of(LinearModule module) {
      float[] norms = source.statistics().norms().get(module.name());
      if (norms == null) {
        throw new InputException(
            place(module)
                .expected(
                    "the norms of the module's %d input columns".formatted(module.columns()),
                    "no such tensor")
                .hint("take this model's own statistics, or leave the module out with `exclude`"));
      }
      if (norms.length != module.columns()) {
        throw new InputException(
            place(module)
                .expected(
                    "one norm for each of %d input columns".formatted(module.columns()),
                    String.valueOf(norms.length))
                .hint("take this model's own statistics"));
      }
      return norms;
    }

    private ErrorDetails place(LinearModule module) {
      return ErrorDetails.file(source.file()).tensor(module.name() + ".input_norm");
    }
  }
}
