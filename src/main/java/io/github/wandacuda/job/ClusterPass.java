package io.github.wandacuda.job;

import io.github.wandacuda.calibration.SampleBatch;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.pruning.ModuleResult;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has a cluster write a run's shards, keeps the journal of it, and puts together what the machines
 * found: this is the run's own process, which reads and writes no weight. What the norms of samples
 * need is kept beside the journal until the run ends: one that is interrupted begins at the block
 * whose states were saved last, and one that has all norms needn't run its samples again.
 */
record ClusterPass(
    RunScope scope,
    OnCluster on,
    OutputDirectory output,
    PruneTarget.Tools tools,
    Provenance plan) {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterPass.class);

  /** Writes and checks all shards; the results are in the natural order of their names. */
  OutputTarget.Written run(Fingerprint fingerprint) {
    boolean resumed = output.interrupted().isPresent();
    if (!resumed) {
      output.journal().restart(RunRecords.run(fingerprint));
    }
    RunDescription run =
        RunDescription.of(
            scope, output.path(), plan, scope.request().verify() || resumed, on.devices());
    ModuleFiles pruned = new ModuleFiles(output.path(), scope.chosen());
    if (run.byMoments()) {
      scope.chosen().forEach(module -> output.file(output.path().relativize(pruned.of(module))));
    }
    Map<String, float[]> calibrated = calibrate(run, fingerprint);
    ShardPass pass =
        new ShardPass(
            scope,
            output.path(),
            tools,
            module -> calibrated.isEmpty() ? scope.norms(module) : calibrated.get(module.name()));
    write(run, pass);
    List<ModuleResult> modules = pass.modules();
    String masks = pass.digest();
    if (scope.request().calibration() instanceof Calibration.FromSamples samples) {
      saves(samples).remove();
    }
    if (run.byMoments()) {
      scope.chosen().forEach(module -> OutputDirectory.removeFile(pruned.of(module)));
    }
    pass.check(plan.with(modules, masks));
    return new OutputTarget.Written(modules, masks);
  }

  private void write(RunDescription run, ShardPass pass) {
    List<SafetensorsFile> shards = scope.model().checkpoint().shards();
    for (SafetensorsFile shard : shards) {
      output.file(shard.path().getFileName());
      Path masks = ShardPass.ShardMasks.file(output.path(), ShardPass.name(shard));
      output.file(output.path().relativize(masks));
    }
    Set<String> nodes = new HashSet<>();
    // A thread that nobody interrupts, as the journal asks for.
    try (BackgroundWork journal = new BackgroundWork("wanda-cuda-journal")) {
      pass.run(
          on.cluster(),
          "prune %s to %s".formatted(scope.model().path(), output.path()),
          run,
          shards,
          this::earlier,
          result -> {
            if (nodes.add(result.node())) {
              LOG.info("{}", result.node());
            }
            if (result.written()) {
              result
                  .tensors()
                  .forEach(
                      tensor -> journal.submit(() -> output.journal().append(tensor.record())));
            }
          });
      journal.submit(output.journal()::force);
      journal.await();
    }
  }

  private List<RunRecords.Tensor> earlier(SafetensorsFile shard) {
    return output
        .interrupted()
        .flatMap(records -> records.all(shard, scope.modules(shard)))
        .orElse(List.of());
  }

  /** Runs samples and returns the norms by module; none for a run without samples. */
  private Map<String, float[]> calibrate(RunDescription run, Fingerprint fingerprint) {
    if (!(scope.request().calibration() instanceof Calibration.FromSamples samples)) {
      return Map.of();
    }
    try (Decoder decoder = DecoderFamilies.open(scope.model(), tools.backend().operations())) {
      BlockPass.requireInside(scope.chosen(), decoder);
    }
    long start = System.nanoTime();
    Statistics statistics =
        ClusterCalibration.pruned(
                on,
                scope.model(),
                run,
                scope.chosen(),
                fingerprint.parts().get(OutputTarget.ARITHMETIC),
                saves(samples))
            .run(samples.samples(), tools.progress());
    tools.clock().addCalibrate(System.nanoTime() - start);
    return statistics.norms();
  }

  private SavedBlocks saves(Calibration.FromSamples samples) {
    return new SavedBlocks(
        output,
        scope.request().storage().saveEvery(),
        SampleBatch.of(samples.samples()),
        DecoderFamilies.of(scope.model().config()).shape(scope.model().config()).hiddenSize());
  }
}
