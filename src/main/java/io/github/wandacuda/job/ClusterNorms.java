package io.github.wandacuda.job;

import io.github.wandacuda.calibrate.statistics.Statistics;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.shard.ClusterCalibration;
import io.github.wandacuda.job.shard.OnCluster;
import io.github.wandacuda.job.shard.RunDescription;
import io.github.wandacuda.model.decoder.Decoder;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * The norms of a calibrated run on a cluster. They are kept beside the journal until the run ends:
 * one that is interrupted while it writes shards needn't run its samples again.
 */
record ClusterNorms(RunScope scope, OnCluster on, OutputDirectory output, PruneTarget.Tools tools) {
  private static final String NAME = AtomicWrite.OWN + ".norms";

  /**
   * Returns the norms by module; none for a run without samples.
   *
   * @param run the run
   * @param fingerprint what an interrupted run has agreed with
   */
  Map<String, float[]> of(RunDescription run, Fingerprint fingerprint) {
    if (!(scope.request().calibration() instanceof Calibration.FromSamples samples)) {
      return Map.of();
    }
    boolean resumed = output.interrupted().isPresent();
    Path file = output.file(Path.of(NAME));
    if (resumed && Files.isRegularFile(file)) {
      return Statistics.read(file).norms();
    }
    requireInside();
    long start = System.nanoTime();
    Statistics statistics =
        ClusterCalibration.pruned(
                on, scope.model(), run, fingerprint.parts().get(OutputTarget.ARITHMETIC))
            .run(samples.samples(), tools.progress());
    tools.clock().addCalibrate(System.nanoTime() - start);
    AtomicWrite.write(file, statistics.content());
    return statistics.norms();
  }

  private void requireInside() {
    try (Decoder decoder = DecoderFamilies.open(scope.model(), tools.backend().operations())) {
      BlockPruner.requireInside(scope.chosen(), decoder);
    }
  }

  /** Removes the file, when nobody needs it any more. */
  void remove() {
    output.remove(output.path().resolve(NAME));
  }
}
