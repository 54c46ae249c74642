package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.estimate.TimeEstimate;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.util.Map;

/** What the plans of {@code prune --dry-run} have in common. */
final class PlanPrinter {
  private static final double MIB = 1 << 20;
  private static final double GIB = 1 << 30;

  private PlanPrinter() {}

  /** Opens every block for a run with samples, so that a broken one is reported now. */
  static void openBlocks(
      ModelDirectory model, Calibration calibration, Backend backend, Progress progress) {
    if (!(calibration instanceof Calibration.FromSamples)) {
      return;
    }
    try (Decoder decoder = DecoderFamilies.open(model, backend.operations())) {
      for (int index = 0; index < decoder.blocks(); index++) {
        decoder.block(index).close();
        progress.step("block opened", index + 1, decoder.blocks());
      }
    }
  }

  /** Puts an estimated time into the plan. */
  static void add(TimeEstimate time, Map<String, Object> plan) {
    plan.put("estimated_seconds", time.about());
    plan.put("estimated_seconds_least", time.least());
    plan.put("estimated_seconds_most", time.most());
  }

  static String size(double bytes) {
    return bytes < GIB ? "%.1f MiB".formatted(bytes / MIB) : "%.1f GiB".formatted(bytes / GIB);
  }
}
