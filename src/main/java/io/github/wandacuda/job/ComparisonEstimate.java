package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibrate.BlockStatistics;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.prune.ModuleRules;
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
 * @param calibration the samples of each run
 * @param tested the tokens that run through the pruned blocks, and through the dense ones once
 * @param watch takes the time
 */
record ComparisonEstimate(
    ModelDirectory model,
    Backend backend,
    ModuleChoice choice,
    Calibration.FromSamples calibration,
    long tested,
    Stopwatch watch) {

  TimeEstimate of(List<ModuleRules> runs) {
    List<int[]> samples = calibration.samples();
    double tokens = (double) samples.size() * calibration.sequenceLength();
    int middle = DecoderFamilies.of(model.config()).shape(model.config()).blocks() / 2;
    try (BlockEstimate block = new BlockEstimate(model, backend, samples, middle, watch);
        Arena arena = Arena.ofShared()) {
      double advancing = block.advancing();
      double testing = tested * advancing * block.predicting();
      double each = tokens * (block.observing(true) + advancing) + testing;
      double pruning = pruning(runs, block.observe(true, arena));
      return TimeEstimate.ofWork(testing + runs.size() * each + pruning + watch.warmUp())
          .plus(TimeEstimate.START);
    }
  }

  private double pruning(List<ModuleRules> runs, BlockStatistics statistics) {
    Map<String, Double> byMethod = new HashMap<>();
    return runs.stream()
        .mapToDouble(
            rules -> byMethod.computeIfAbsent(rules.label(), any -> pruning(rules, statistics)))
        .sum();
  }

  private double pruning(ModuleRules rules, BlockStatistics statistics) {
    PruneRequest request =
        new PruneRequest(
            Path.of(""),
            Comparison.rules(rules),
            choice,
            calibration,
            false,
            false,
            null,
            Optional.empty());
    RunScope scope = RunScope.of(model, request);
    try (LayerEstimate layers =
        new LayerEstimate(
            backend, new EstimateSamples(scope, Optional.of(statistics)), true, watch)) {
      return layers.seconds(scope.chosen(), scope.rules());
    }
  }
}
