package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.job.Calibration;
import io.github.wandacuda.job.RemovalRequest;
import io.github.wandacuda.job.RemovedParts;
import io.github.wandacuda.job.StructureJob;
import io.github.wandacuda.job.StructureRequest;
import io.github.wandacuda.job.StructureRequest.Structure;
import io.github.wandacuda.job.StructureRequest.Update;
import io.github.wandacuda.job.StructureSearch;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.Removal;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.report.PruneReport.Perplexities;
import io.github.wandacuda.report.RunFacts;
import io.github.wandacuda.report.StructureReport;
import io.github.wandacuda.system.ThisRuntime;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A run of {@code prune} that removes whole parts of a model. */
record StructureRun(
    PruneCommand command,
    ModelDirectory model,
    RemovalRequest asked,
    Optional<Removal> parts,
    Calibration calibration,
    Map<String, List<Path>> files,
    Backend backend,
    ResultFiles results,
    MemoryWatch memory) {
  void run(boolean dry) {
    boolean sampled = calibration instanceof Calibration.FromSamples;
    Structure structure = asked.structure();
    Update fits = asked.update(model, calibration, why -> command.output.detail("%s", why));
    // No sample is run for a plan: experts are of one size, most blocks are.
    boolean known = !(dry && sampled);
    long start = System.nanoTime();
    RemovalRequest.Choice choice =
        asked.choose(parts, model, backend, calibration, fits, known, command.output.progress());
    double calibrate = sampled && !dry ? (System.nanoTime() - start) / 1e9 : 0;
    RemovedParts removed = choice.removed();
    StructureRequest request =
        new StructureRequest(
            command.target.output,
            structure,
            asked.score(),
            removed,
            fits,
            asked.requantize(),
            calibration,
            files,
            command.structures.shardBytes(model),
            command.target.resume,
            !command.target.skipVerification,
            command.target.card(),
            command.target.storage().io());
    StructureJob job = new StructureJob(request, model);
    Map<String, Object> object = new LinkedHashMap<>();
    if (dry) {
      object.put("dry_run", true);
    }
    object.put("output", request.output().toString());
    object.put("structure", structure.label());
    object.put("score", request.score());
    object.put("update", fits.label());
    object.put("backend", backend.name());
    object.put("device", backend.device());
    object.put("precision", Precision.label(backend.precision()));
    if (known) {
      object.put("removed", removed.written(structure));
    }
    for (Structure kind : removed.kinds().keySet()) {
      int size = parts.orElseGet(() -> kind.find(model)).size();
      object.put(kind.label() + "_before", size);
      object.put(kind.label() + "_after", size - removed.count(kind));
    }
    if (structure == Structure.AUTO && !dry) {
      object.put("trials", choice.trials().stream().map(StructureSearch.Trial::toJson).toList());
    }
    object.put("parameters_before", StructureJob.parameters(model.checkpoint()));
    object.put("parameters_after", job.parametersAfter());
    object.put("bytes_before", model.checkpoint().totalBytes());
    object.put("bytes_after", job.bytesAfter());
    if (dry) {
      job.requireRoom();
      command.output.result(
          object,
          () ->
              Stream.concat(
                  text(object, removed, "would have "), Stream.of("nothing was written")));
      return;
    }
    Optional<EvaluateOption.Measured> before = command.measured(model, backend, results);
    boolean finished = job.isFinished();
    PhaseClock.Seconds seconds =
        job.run(
            backend,
            ThisRuntime.programVersion(),
            command.output.progress(),
            () ->
                choice
                    .chosen()
                    .statistics()
                    .ifPresent(
                        used -> results.write(PruneCommand.SAVED_STATISTICS, used.content())));
    object.put("removed", job.removed().written(structure));
    Optional<Perplexities> perplexities =
        before.map(dense -> command.compared(dense, model, request.output(), backend, results));
    perplexities.ifPresent(both -> object.put("perplexity", both.toJson()));
    object.put("seconds", command.around(seconds.calibrated(calibrate)).toJson());
    memory.addTo(object);
    if (results.writes(PruneCommand.REPORT)) {
      Map<String, Object> inputs = command.calibrations.facts(calibration);
      if (command.evaluation.given()) {
        inputs.put("text", command.evaluation.facts());
      }
      RunFacts facts = WandaCuda.facts(model, backend, command.output, inputs);
      results.write(
          PruneCommand.REPORT,
          new StructureReport(facts, object, choice, job.removed(), perplexities)
              .content(command.report));
    }
    String done = finished ? "finished before, nothing was done; " : "";
    command.output.written(
        object,
        () ->
            Stream.concat(
                text(object, removed, done),
                perplexities.stream().map(both -> "  text        " + both.text())));
  }

  private Stream<String> text(Map<String, Object> object, RemovedParts removed, String done) {
    String parts =
        removed.kinds().keySet().stream()
            .map(
                kind ->
                    "%s of %s %s"
                        .formatted(
                            object.get(kind.label() + "_after"),
                            object.get(kind.label() + "_before"),
                            kind.parts()))
            .collect(Collectors.joining(", "));
    return OutputOptions.lines(
        """
        %s: %s%s, chosen by %s%s
          parameters  %d of %d
          bytes       %d of %d, %.1f %%\
        """,
        object.get("output"),
        done,
        parts,
        object.get("score"),
        object.get("update").equals(Update.NONE.label())
            ? ""
            : ", fitted by " + object.get("update"),
        object.get("parameters_after"),
        object.get("parameters_before"),
        object.get("bytes_after"),
        object.get("bytes_before"),
        100.0 * (long) object.get("bytes_after") / (long) object.get("bytes_before"));
  }
}
