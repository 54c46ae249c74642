package io.github.wandacuda.cli;

import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.estimate.TimeEstimate;
import io.github.wandacuda.job.record.ComputedOn;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.LinearModule;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What a run that prunes weights would do, and what it would need.
 *
 * @param chosen the modules that it would prune
 * @param share what it would write, if it is a part of several
 */
record PrunePlan(
    PruneRequest request,
    ComputedOn device,
    List<LinearModule> chosen,
    RunNeeds needs,
    TimeEstimate time,
    Optional<PartShare> share) {
  private long weights() {
    return chosen.stream().mapToLong(LinearModule::elements).sum();
  }

  Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("dry_run", true);
    object.put("output", request.output().toString());
    object.put("method", request.rules().method());
    object.put("amount", request.rules().amount());
    device.addTo(object);
    object.put(
        "modules", chosen.stream().map(LinearModule::name).sorted(TensorNames.NATURAL).toList());
    object.put("weights", weights());
    object.put("bytes_to_read", needs.readBytes());
    object.put("bytes_to_write", needs.writeBytes());
    object.put("temporary_bytes", needs.temporaryBytes());
    object.put("hidden_state_bytes", needs.stateBytes());
    object.put("hidden_state_host_bytes", needs.hostStateBytes());
    object.put("memory_bytes", needs.memoryBytes());
    object.put("memory_bytes_to_save", needs.savingBytes());
    PlanPrinter.add(time, object);
    share.ifPresent(own -> object.put("part", own.toJson()));
    return object;
  }

  Stream<String> text() {
    Stream<String> run =
        OutputOptions.lines(
            """
            would prune %s weights in %d modules by %s, %s, on %s (%s)
              output     %s
              to read    %s of weights
              to write   %s, and %s that are removed in the end
              memory     %s besides the Java heap, %s of it hidden states\
            """,
            weights(),
            chosen.size(),
            request.rules().method(),
            request.rules().amount(),
            device.backend(),
            device.device(),
            request.output(),
            PlanPrinter.size(needs.readBytes()),
            PlanPrinter.size(needs.writeBytes()),
            PlanPrinter.size(needs.temporaryBytes()),
            PlanPrinter.size(needs.memoryBytes()),
            PlanPrinter.size(needs.hostStateBytes()));
    Stream<String> saving =
        OutputOptions.lines(
            "             %s more once hidden states are saved",
            PlanPrinter.size(needs.savingBytes()));
    return Stream.of(
            share.stream().map(PartShare::text),
            run,
            saving.filter(line -> needs.savingBytes() > 0),
            OutputOptions.lines("  time       %s\nnothing was written", time.text()))
        .flatMap(lines -> lines);
  }
}
