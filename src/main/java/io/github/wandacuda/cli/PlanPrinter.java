package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.estimate.TimeEstimate;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.structure.StructureNeeds;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.recipe.Allocation;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Prints what {@code prune --dry-run} has found: what would be done, with bytes, memory and time.
 */
final class PlanPrinter {
  private static final double MIB = 1 << 20;
  private static final double GIB = 1 << 30;

  private PlanPrinter() {}

  static void print(
      ModelDirectory model,
      PruneRequest request,
      PruneJob job,
      Optional<Part> part,
      Backend backend,
      List<Allocation> allocations,
      List<int[]> evaluated,
      OutputOptions output) {
    job.requireRoom(backend);
    Progress progress = output.progress();
    openBlocks(model, request.calibration(), backend, progress);
    List<LinearModule> chosen = job.chosen();
    RunNeeds needs = job.needs(backend);
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("dry_run", true);
    object.put("output", request.output().toString());
    object.put("method", request.rules().method());
    object.put("amount", request.rules().amount());
    BackendOptions.addTo(object, backend);
    object.put(
        "modules", chosen.stream().map(LinearModule::name).sorted(TensorNames.NATURAL).toList());
    object.put("weights", chosen.stream().mapToLong(LinearModule::elements).sum());
    object.put("bytes_to_read", needs.readBytes());
    object.put("bytes_to_write", needs.writeBytes());
    object.put("temporary_bytes", needs.temporaryBytes());
    object.put("hidden_state_bytes", needs.stateBytes());
    object.put("hidden_state_host_bytes", needs.hostStateBytes());
    object.put("memory_bytes", needs.memoryBytes());
    object.put("memory_bytes_to_save", needs.savingBytes());
    TimeEstimate time = job.estimate(backend, allocations, evaluated, progress);
    add(time, object);
    Optional<String> share = part.map(of -> share(model.checkpoint().shards(), of, object));
    output.result(
        object, () -> Stream.concat(share.stream(), text(object, chosen.size(), needs, time)));
  }

  /** Puts an estimated time into the plan. */
  static void add(TimeEstimate time, Map<String, Object> plan) {
    plan.put("estimated_seconds", time.about());
    plan.put("estimated_seconds_least", time.least());
    plan.put("estimated_seconds_most", time.most());
  }

  /** Says what a run would need that removes parts. */
  static Stream<String> text(StructureNeeds needs, TimeEstimate time) {
    return OutputOptions.lines(
        """
          to read     %s of weights
          to write    %s, and %s that are removed in the end
          memory      %s besides the Java heap
          time        %s\
        """,
        size(needs.readBytes()),
        size(needs.writeBytes()),
        size(needs.temporaryBytes()),
        size(needs.memoryBytes()),
        time.text());
  }

  /** Puts a part's shards into the plan, and returns them in words. */
  static String share(List<SafetensorsFile> shards, Part part, Map<String, Object> plan) {
    List<SafetensorsFile> share = part.shareOf(shards);
    long bytes = share.stream().mapToLong(SafetensorsFile::byteSize).sum();
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("number", part.number());
    object.put("of", part.of());
    object.put("shards", share.stream().map(SafetensorsFile::fileName).toList());
    object.put("bytes", bytes);
    plan.put("part", object);
    return "%s: %d of %d shards, %s; all parts together:"
        .formatted(part, share.size(), shards.size(), size(bytes));
  }

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

  private static Stream<String> text(
      Map<String, Object> plan, int modules, RunNeeds needs, TimeEstimate time) {
    Stream<String> run =
        OutputOptions.lines(
            """
            would prune %s weights in %d modules by %s, %s, on %s (%s)
              output     %s
              to read    %s of weights
              to write   %s, and %s that are removed in the end
              memory     %s besides the Java heap, %s of it hidden states\
            """,
            plan.get("weights"),
            modules,
            plan.get("method"),
            plan.get("amount"),
            plan.get("backend"),
            plan.get("device"),
            plan.get("output"),
            size(needs.readBytes()),
            size(needs.writeBytes()),
            size(needs.temporaryBytes()),
            size(needs.memoryBytes()),
            size(needs.hostStateBytes()));
    Stream<String> saving =
        OutputOptions.lines(
            "             %s more once hidden states are saved", size(needs.savingBytes()));
    return Stream.of(
            run,
            saving.filter(line -> needs.savingBytes() > 0),
            OutputOptions.lines("  time       %s\nnothing was written", time.text()))
        .flatMap(lines -> lines);
  }

  private static String size(double bytes) {
    return bytes < GIB ? "%.1f MiB".formatted(bytes / MIB) : "%.1f GiB".formatted(bytes / GIB);
  }
}
