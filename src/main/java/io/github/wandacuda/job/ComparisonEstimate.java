package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockStatistics;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.PruningRules;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Estimates the time of a comparison: some tokens run through one block, and each method prunes a
 * part of its modules. How much goes is taken to make no difference.
 *
 * @param model the dense model
 * @param backend does the work
 * @param choice which modules are pruned
 * @param calibration the samples of each run, or statistics
 * @param windows the text that runs through the pruned blocks, and through the dense ones once
 * @param asked the tokens of tasks, which do so too
 * @param watch takes the time
 */
record ComparisonEstimate(
    ModelDirectory model,
    Backend backend,
    ModuleChoice choice,
    Calibration calibration,
    List<int[]> windows,
    long asked,
    Stopwatch watch) {

  TimeEstimate of(List<PruningRules> runs) {
    boolean sampled = calibration instanceof Calibration.FromSamples;
    List<int[]> samples =
        calibration instanceof Calibration.FromSamples from ? from.samples() : windows;
    double tokens = sampled ? BlockEstimate.tokens(samples) : 0;
    double tested = BlockEstimate.tokens(windows) + asked;
    int middle = DecoderFamilies.of(model.config()).shape(model.config()).blocks() / 2;
    double all = tested + runs.size() * (tokens + tested);
    try (BlockEstimate block = new BlockEstimate(model, backend, samples, all, middle, watch);
        Arena arena = Arena.ofShared()) {
      double advancing = block.advancing();
      double testing = tested * advancing * block.predicting();
      double each = tokens == 0 ? testing : tokens * (block.observing(true) + advancing) + testing;
      double pruning =
          pruning(runs, sampled ? Optional.of(block.observe(true, arena)) : Optional.empty());
      return TimeEstimate.ofWork(testing + runs.size() * each + pruning + watch.warmUp())
          .plus(TimeEstimate.START);
    }
  }

  private double pruning(List<PruningRules> runs, Optional<BlockStatistics> statistics) {
    Map<Object, Double> byMethod = new HashMap<>();
    return runs.stream()
        .mapToDouble(
            rules ->
                byMethod.computeIfAbsent(
                    rules.stages().isEmpty() ? rules.label() : rules,
                    any -> pruning(rules, statistics)))
        .sum();
  }

  private double pruning(PruningRules rules, Optional<BlockStatistics> statistics) {
    RunScope scope = RunScope.of(model, request(rules, choice, calibration));
    try (LayerEstimate layers =
        new LayerEstimate(
            backend, new EstimateSamples(scope, statistics), statistics.isPresent(), watch)) {
      return layers.seconds(scope.chosen(), scope.rules());
    }
  }

  /** Returns a request of which nothing is written. */
  static PruneRequest request(PruningRules rules, ModuleChoice choice, Calibration calibration) {
    return new PruneRequest(
        Path.of(""), rules, choice, calibration, false, false, null, Optional.empty());
  }
}
