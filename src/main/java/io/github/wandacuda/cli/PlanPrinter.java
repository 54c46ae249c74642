package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.Calibration;
import io.github.wandacuda.pruning.PruneJob;
import io.github.wandacuda.pruning.PruneRequest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Says what a run of {@code prune} would do. */
final class PlanPrinter {
  private PlanPrinter() {}

  static void print(
      ModelDirectory model,
      PruneRequest request,
      PruneJob job,
      Backend backend,
      OutputOptions output) {
    List<LinearModule> chosen = job.chosen();
    long states = hiddenStateBytes(model, request.calibration(), backend);
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("dry_run", true);
    object.put("output", request.output().toString());
    object.put("method", request.method().label());
    object.put("amount", request.sparsity().toString());
    object.put("backend", backend.name());
    object.put("device", backend.device());
    object.put("modules", chosen.stream().map(LinearModule::name).toList());
    object.put("weights", chosen.stream().mapToLong(LinearModule::elements).sum());
    object.put("bytes_to_write", model.checkpoint().totalBytes());
    object.put("hidden_state_bytes", states);
    output.result(object, () -> text(object, chosen.size()));
  }

  /**
   * Opens every block for a run with samples, so that a broken one shows now; returns the states'
   * size.
   */
  private static long hiddenStateBytes(
      ModelDirectory model, Calibration calibration, Backend backend) {
    if (!(calibration instanceof Calibration.FromSamples samples)) {
      return 0;
    }
    try (Decoder decoder =
        DecoderFamilies.of(model.config())
            .open(model.config(), model.checkpoint(), backend.operations())) {
      for (int index = 0; index < decoder.blocks(); index++) {
        decoder.block(index).close();
      }
      long tokens = (long) samples.samples().size() * samples.sequenceLength();
      return tokens * decoder.hiddenSize() * Float.BYTES;
    }
  }

  private static String text(Map<String, Object> plan, int modules) {
    return """
        would prune %s weights in %d modules by %s, %s, on %s (%s)
          output         %s, %s bytes in shards
          hidden states  %s bytes of memory
        nothing was written"""
        .formatted(
            plan.get("weights"),
            modules,
            plan.get("method"),
            plan.get("amount"),
            plan.get("backend"),
            plan.get("device"),
            plan.get("output"),
            plan.get("bytes_to_write"),
            plan.get("hidden_state_bytes"));
  }
}
