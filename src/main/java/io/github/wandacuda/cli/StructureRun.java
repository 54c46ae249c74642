package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.Calibration;
import io.github.wandacuda.job.Part;
import io.github.wandacuda.job.Provenance;
import io.github.wandacuda.job.RemovalRequest;
import io.github.wandacuda.job.RemovedParts;
import io.github.wandacuda.job.SmallerModel;
import io.github.wandacuda.job.StructureChoice;
import io.github.wandacuda.job.StructureJob;
import io.github.wandacuda.job.StructureRequest;
import io.github.wandacuda.job.StructureSearch;
import io.github.wandacuda.job.UnfinishedRun;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.Structure;
import io.github.wandacuda.pruning.Structure.Update;
import io.github.wandacuda.report.PruneReport.Perplexities;
import io.github.wandacuda.report.RunFacts;
import io.github.wandacuda.report.StructureReport;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A run of {@code prune} that removes whole parts of a model.
 *
 * @param output where the smaller model goes: for good, or until weights of it are pruned
 */
record StructureRun(
    PruneCommand command,
    ModelDirectory model,
    RemovalRequest asked,
    Path output,
    Calibration calibration,
    Backend backend,
    ResultFiles results,
    MemoryWatch memory) {
  void run(boolean dry) {
    StructureJob unused = run(dry, Optional.empty());
  }

  /**
   * Runs as the first half, and then has weights of the smaller model pruned, which is removed when
   * that is done. What an interrupted run has made is taken as it is.
   *
   * @param check checks what can be said of these weights before anything is done
   */
  void runBefore(
      boolean dry,
      Consumer<ModelDirectory> check,
      BiConsumer<ModelDirectory, Optional<SmallerModel>> weights) {
    Path whole = command.target.output;
    boolean resume = command.target.resume && !dry;
    Optional<Provenance> ended = resume ? Provenance.ofRun(whole) : Optional.empty();
    Optional<Provenance> earlier =
        ended.isPresent() || !resume
            ? ended.map(record -> record.parts().orElse(record))
            : Provenance.ofRun(output);
    if (ended.isEmpty()) {
      check.accept(run(true, Optional.empty()).planned());
    }
    StructureJob job = run(dry, earlier);
    Optional<Provenance> record =
        dry ? Optional.empty() : earlier.or(() -> Provenance.ofRun(output));
    try (ModelDirectory smaller =
        dry || ended.isPresent() ? job.planned() : ModelDirectory.open(output, model.family())) {
      weights.accept(smaller, record.map(job::made));
    } catch (InputException | VerificationException e) {
      if (!UnfinishedRun.isIn(whole)) {
        record.ifPresent(job::remove);
      }
      throw e;
    }
    record.ifPresent(job::remove);
  }

  /** Runs, unless that has been done by the record of an earlier run. */
  private StructureJob run(boolean dry, Optional<Provenance> earlier) {
    boolean half = !output.equals(command.target.output);
    asked.check(model);
    boolean sampled = calibration instanceof Calibration.FromSamples;
    Structure structure = asked.parts().structure();
    Update fits = asked.update(model, calibration, why -> command.output.detail("%s", why));
    // No sample is run for a plan: experts are of one size, most blocks are.
    boolean known = !(dry && sampled) && earlier.isEmpty();
    command.prepared();
    long start = System.nanoTime();
    StructureChoice.Chosen choice =
        earlier
            .flatMap(asked::madeBy)
            .orElseGet(
                () ->
                    asked.choose(
                        model, backend, calibration, fits, known, command.output.progress()));
    double calibrate = sampled && !dry ? (System.nanoTime() - start) / 1e9 : 0;
    RemovedParts removed = choice.removed();
    StructureRequest request =
        new StructureRequest(
            output,
            asked,
            removed,
            fits,
            calibration,
            command.files(true),
            command.structures.shardBytes(model),
            command.resumes(),
            !command.target.skipVerification,
            !half && command.target.card(),
            command.target.storage().io());
    StructureJob job = new StructureJob(request, model);
    Checkpoint smaller = job.smaller();
    Map<String, Object> object = new LinkedHashMap<>();
    if (dry) {
      object.put("dry_run", true);
    }
    object.put("output", request.output().toString());
    object.put("structure", structure.label());
    object.put("score", asked.parts().score());
    object.put("update", fits.label());
    BackendOptions.addTo(object, backend);
    if (known) {
      object.put("removed", removed.written(structure));
    }
    boolean searches = dry && structure == Structure.AUTO;
    for (Structure kind : searches ? List.<Structure>of() : removed.kinds().keySet()) {
      int size = kind.find(model).size();
      object.put(kind.label() + "_before", size);
      object.put(kind.label() + "_after", size - removed.count(kind));
    }
    if (structure == Structure.AUTO && !dry) {
      object.put("trials", choice.trials().stream().map(StructureSearch.Trial::toJson).toList());
    }
    object.put("parameters_before", model.parameters());
    object.put("bytes_before", model.checkpoint().totalBytes());
    if (searches) {
      object.put("trials", choice.trials().stream().map(StructureSearch.Trial::planned).toList());
      object.put("bytes_after_most", smaller.totalBytes());
    } else {
      object.put("parameters_after", job.planned().parameters());
      object.put("bytes_after", smaller.totalBytes());
    }
    if (dry) {
      job.requireRoom();
      Optional<String> share =
          command.target.part().map(part -> PlanPrinter.share(smaller.shards(), part, object));
      Supplier<Stream<String>> would =
          () ->
              Stream.concat(
                  share.stream(),
                  searches ? tried(object, choice.trials()) : text(object, removed, "would have "));
      if (half) {
        command.output.keep(object, would);
      } else {
        command.output.result(
            object, () -> Stream.concat(would.get(), Stream.of("nothing was written")));
      }
      return job;
    }
    if (earlier.isPresent()) {
      job.requireSame(earlier.get(), command.target.output);
      command.output.keep(object, () -> text(object, removed, "finished before; "));
      return job;
    }
    Optional<EvaluateOption.Measured> before =
        half ? Optional.empty() : command.measured(model, backend, results);
    boolean finished = job.isFinished();
    PhaseClock clock = new PhaseClock(backend.concurrency());
    run(
        job,
        clock,
        () ->
            choice
                .statistics()
                .filter(used -> !half)
                .ifPresent(used -> results.write(PruneCommand.SAVED_STATISTICS, used.content())));
    PhaseClock.Seconds seconds = clock.seconds();
    object.put("removed", job.removed().written(structure));
    Optional<Part.PartState> part = Optional.ofNullable(job.part());
    part.ifPresent(state -> object.put("part", state.toJson()));
    Optional<Perplexities> perplexities =
        before.map(dense -> command.compared(dense, model, request.output(), backend, results));
    perplexities.ifPresent(both -> object.put("perplexity", both.toJson()));
    object.put("seconds", command.around(seconds.calibrated(calibrate)).toJson());
    memory.addTo(object);
    if (half) {
      command.output.keep(object, () -> text(object, removed, ""));
      return job;
    }
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
    String done =
        part.map(state -> state + "; ").orElse("")
            + (finished ? "finished before, nothing was done; " : "");
    command.output.written(
        object,
        () ->
            Stream.concat(
                text(object, removed, done),
                perplexities.stream().map(both -> "  text        " + both.text())));
    return job;
  }

  /** Runs the job: in this process, on a cluster, or a part of it. */
  private void run(StructureJob job, PhaseClock clock, Runnable beforeEnd) {
    Progress progress = command.output.progress();
    if (command.target.part().isPresent()) {
      Runnable last =
          () -> {
            // Every part was told to write them; only the last one does.
            results.reserve();
            beforeEnd.run();
          };
      command.target.runPart(
          command.backends, (part, process) -> job.runPart(part, process, clock, progress, last));
    } else {
      command.cluster.runAnyway(
          command.backends,
          command.output,
          0,
          on -> job.run(backend, clock, progress, on, beforeEnd));
    }
  }

  /** Says what a search would try; what it would choose isn't known before. */
  private Stream<String> tried(Map<String, Object> object, List<StructureSearch.Trial> trials) {
    int all = ((Calibration.FromSamples) calibration).samples().size();
    int held = StructureSearch.held(all);
    Stream<String> head =
        OutputOptions.lines(
            "%s: would try %d mixes, each with %d samples, and measure perplexity on %d others;"
                + " the best is then removed with all",
            object.get("output"), trials.size(), all - held, held);
    Stream<String> mixes =
        trials.stream()
            .map(
                trial ->
                    "  without %s: %.1f %% of the blocks' parameters"
                        .formatted(
                            trial.removed().kinds().keySet().stream()
                                .map(kind -> trial.removed().count(kind) + " " + kind.parts())
                                .collect(Collectors.joining(", ")),
                            100 * trial.share()));
    Stream<String> foot =
        OutputOptions.lines(
            "  bytes       at most %d of %d",
            object.get("bytes_after_most"), object.get("bytes_before"));
    return Stream.of(head, mixes, foot).flatMap(lines -> lines);
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
