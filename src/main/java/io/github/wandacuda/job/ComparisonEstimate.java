package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibrate.BlockStatistics;
import io.github.wandacuda.calibrate.BlockwiseRun;
import io.github.wandacuda.calibrate.SampleBatch;
import io.github.wandacuda.job.PruneJob.TimeEstimate;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.decoder.Block;
import io.github.wandacuda.model.decoder.Decoder;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.prune.ModuleRules;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Estimates the time of a comparison: a batch of samples runs through one block, and each method
 * prunes a part of its modules. How much goes is taken to make no difference.
 *
 * @param model the dense model
 * @param backend does the work
 * @param choice which modules are pruned
 * @param calibration the samples of each run
 * @param tested the tokens that run through the pruned blocks, and through the dense ones once
 */
record ComparisonEstimate(
    ModelDirectory model,
    Backend backend,
    ModuleChoice choice,
    Calibration.FromSamples calibration,
    long tested) {
  /** Seconds until the program has begun and its code is compiled. */
  private static final double START = 3;

  /** How much faster or slower than measured the work may go. */
  private static final double FASTER = 0.7;

  private static final double SLOWER = 1.6;

  TimeEstimate of(List<ModuleRules> runs) {
    List<int[]> samples = calibration.samples();
    int length = calibration.sequenceLength();
    int batch = SampleBatch.size(samples);
    try (Decoder decoder = DecoderFamilies.open(model, backend.operations());
        BlockwiseRun run =
            new BlockwiseRun(decoder, backend.operations(), samples.subList(0, batch));
        Block block = decoder.block(decoder.blocks() / 2);
        Arena arena = Arena.ofShared()) {
      BlockStatistics statistics = run.observe(block, arena);
      double observing =
          RunEstimate.seconds(
              () -> {
                try (Arena moment = Arena.ofShared()) {
                  run.observe(block, moment);
                }
              });
      double advancing = RunEstimate.seconds(() -> run.advance(block));
      double batches = (double) samples.size() / batch * decoder.blocks();
      double testing = (double) tested / (batch * length) * decoder.blocks() * advancing;
      double each = batches * (observing + advancing) + testing;
      double all = testing + runs.size() * each + pruning(runs, statistics);
      return new TimeEstimate(START + FASTER * all, START + SLOWER * all);
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
        new LayerEstimate(backend, new EstimateSamples(scope, Optional.of(statistics)), true)) {
      return layers.seconds(scope.chosen(), scope.rules());
    }
  }
}
