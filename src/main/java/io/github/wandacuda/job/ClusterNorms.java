package io.github.wandacuda.job;

import io.github.wandacuda.calibration.SampleBatch;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import java.util.Map;

/**
 * The norms of a calibrated run on a cluster. What they need is kept beside the journal until the
 * run ends: one that is interrupted begins at the block whose states were saved last, and one that
 * has all norms needn't run its samples again.
 */
record ClusterNorms(RunScope scope, OnCluster on, OutputDirectory output, PruneTarget.Tools tools) {
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
    requireInside();
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

  private void requireInside() {
    try (Decoder decoder = DecoderFamilies.open(scope.model(), tools.backend().operations())) {
      BlockPruner.requireInside(scope.chosen(), decoder);
    }
  }

  private SavedBlocks saves(Calibration.FromSamples samples) {
    return new SavedBlocks(
        output,
        scope.request().storage().saveEvery(),
        SampleBatch.of(samples.samples()),
        DecoderFamilies.of(scope.model().config()).shape(scope.model().config()).hiddenSize());
  }

  /** Removes what was kept, when nobody needs it any more. */
  void remove() {
    if (scope.request().calibration() instanceof Calibration.FromSamples samples) {
      saves(samples).remove();
    }
  }
}
