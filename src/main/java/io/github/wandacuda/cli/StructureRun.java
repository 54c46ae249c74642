package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.cli.option.EvaluateOption;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.cli.option.ResultFiles;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.estimate.TimeEstimate;
import io.github.wandacuda.job.output.OutputPlace;
import io.github.wandacuda.job.output.UnfinishedRun;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.RemovalRecord;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.job.record.SmallerModel;
import io.github.wandacuda.job.structure.RemovalRequest;
import io.github.wandacuda.job.structure.StructureChoice;
import io.github.wandacuda.job.structure.StructureJob;
import io.github.wandacuda.job.structure.StructureNeeds;
import io.github.wandacuda.job.structure.StructureRequest;
import io.github.wandacuda.job.structure.StructureSearch;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
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
  /** Removes the parts, or says what that would do and take. */
  void run(boolean dry) {
    if (dry) {
      print(plan(false, Optional.empty()));
    } else {
      StructureJob unused = run(Optional.empty());
    }
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
    Path whole = command.target.output();
    boolean resume = command.target.resume() && !dry;
    Optional<Provenance> ended = resume ? OutputPlace.record(whole) : Optional.empty();
    Optional<Provenance> earlier =
        ended.isPresent() || !resume
            ? ended.map(record -> record.parts().<Provenance>map(first -> first).orElse(record))
            : OutputPlace.record(output);
    Optional<Planned> planned =
        ended.isEmpty() ? Optional.of(plan(false, Optional.empty())) : Optional.empty();
    planned.ifPresent(first -> check.accept(first.job.planned()));
    if (dry) {
      print(planned.orElseThrow());
    }
    StructureJob job = dry ? planned.orElseThrow().job : run(earlier);
    Optional<RemovalRecord> record =
        dry
            ? Optional.empty()
            : earlier.or(() -> OutputPlace.record(output)).map(Provenance::ofRemoval);
    try (ModelDirectory smaller =
        dry || ended.isPresent()
            ? job.planned()
            : ModelDirectory.open(output, model.config().family())) {
      weights.accept(smaller, record.map(job::made));
    } catch (InputException | VerificationException e) {
      if (!UnfinishedRun.isIn(whole)) {
        record.ifPresent(job::remove);
      }
      throw e;
    }
    record.ifPresent(job::remove);
  }

  /**
   * A run that is about to begin.
   *
   * @param object what is said of it as JSON
   */
  private record Planned(
      StructureJob job, StructureChoice.Chosen choice, Map<String, Object> object) {
    RemovedParts removed() {
      return choice.removed();
    }

    /** Adds what goes of each kind, and what is left of it. */
    void addCounts(ModelDirectory model) {
      for (Structure kind : removed().kinds().keySet()) {
        int size = kind.find(model).size();
        object.put(kind.label() + "_before", size);
        object.put(kind.label() + "_after", size - removed().count(kind));
      }
    }
  }

  private boolean isFirstHalf() {
    return !output.equals(command.target.output());
  }

  private boolean isSampled() {
    return calibration instanceof Calibration.FromSamples;
  }

  /**
   * Chooses the parts, and prepares their removal.
   *
   * @param measured whether samples run to choose them; else parts are taken of which a plan's
   *     sizes are right: experts are of one size, and most blocks are
   * @param earlier the record of a run that has chosen them before
   */
  private Planned plan(boolean measured, Optional<RemovalRecord> earlier) {
    asked.check(model);
    Update fits = asked.update(model, calibration, why -> command.output.detail("%s", why));
    boolean known = (measured || !isSampled()) && earlier.isEmpty();
    command.prepared();
    StructureChoice.Chosen choice =
        earlier
            .flatMap(asked::madeBy)
            .orElseGet(
                () ->
                    asked.choose(
                        model, backend, calibration, fits, known, command.output.progress()));
    StructureRequest request =
        StructureRequest.of(output, asked, choice.removed())
            .chosenShare(asked.chosenShare(model, calibration, fits, choice.trials().size()))
            .update(fits)
            .calibration(calibration)
            .files(command.files(true))
            .shardBytes(command.structures.shardBytes(model))
            .resume(command.resumes())
            .verify(command.target.verify())
            .card(!isFirstHalf() && command.target.card())
            .io(command.target.storage().io())
            .build();
    StructureJob job = new StructureJob(request, model);
    Map<String, Object> object = new LinkedHashMap<>();
    if (!measured) {
      object.put("dry_run", true);
    }
    object.put("output", output.toString());
    object.put("structure", asked.parts().structure().label());
    object.put("score", asked.parts().score());
    object.put("update", fits.label());
    BackendOptions.addTo(object, backend);
    if (known) {
      object.put("removed", choice.removed().written(asked.parts().structure()));
    }
    return new Planned(job, choice, object);
  }

  /** Says what a run would do, and what it would need. */
  private void print(Planned planned) {
    boolean searches = asked.parts().structure() == Structure.AUTO;
    List<StructureSearch.Trial> trials = planned.choice.trials();
    StructureJob job = planned.job;
    Checkpoint smaller = job.smaller();
    Map<String, Object> object = planned.object;
    if (!searches) {
      planned.addCounts(model);
    }
    object.put("parameters_before", model.parameters());
    object.put("bytes_before", model.checkpoint().totalBytes());
    if (searches) {
      object.put("trials", trials.stream().map(StructureSearch.Trial::planned).toList());
      object.put("bytes_after_most", smaller.totalBytes());
    } else {
      object.put("parameters_after", job.planned().parameters());
      object.put("bytes_after", smaller.totalBytes());
    }
    job.requireRoom();
    PlanPrinter.openBlocks(model, calibration, backend, command.output.progress());
    StructureNeeds needs = job.needs(trials);
    object.put("bytes_to_read", needs.readBytes());
    object.put("bytes_to_write", needs.writeBytes());
    object.put("temporary_bytes", needs.temporaryBytes());
    object.put("hidden_state_bytes", needs.stateBytes());
    object.put("memory_bytes", needs.memoryBytes());
    TimeEstimate time =
        job.estimate(
            backend,
            trials,
            isFirstHalf() ? List.of() : command.evaluation.windows(),
            command.output.progress());
    PlanPrinter.add(time, object);
    Optional<String> share =
        command.target.part().map(part -> PlanPrinter.share(smaller.shards(), part, object));
    RemovedParts removed = planned.removed();
    Supplier<Stream<String>> would =
        () ->
            Stream.of(
                    share.stream(),
                    searches ? tried(object, trials) : text(object, removed, "would have "),
                    PlanPrinter.text(needs, time))
                .flatMap(lines -> lines);
    if (isFirstHalf()) {
      command.output.keep(object, would);
    } else {
      command.output.result(
          object, () -> Stream.concat(would.get(), Stream.of("nothing was written")));
    }
  }

  /** Runs, unless that has been done by the record of an earlier run. */
  private StructureJob run(Optional<Provenance> earlier) {
    long start = System.nanoTime();
    Planned planned = plan(true, earlier.flatMap(Provenance::parts));
    double calibrate = isSampled() ? (System.nanoTime() - start) / 1e9 : 0;
    StructureJob job = planned.job;
    RemovedParts removed = planned.removed();
    Map<String, Object> object = planned.object;
    planned.addCounts(model);
    if (asked.parts().structure() == Structure.AUTO) {
      object.put(
          "trials", planned.choice.trials().stream().map(StructureSearch.Trial::toJson).toList());
    }
    object.put("parameters_before", model.parameters());
    object.put("bytes_before", model.checkpoint().totalBytes());
    object.put("parameters_after", job.planned().parameters());
    object.put("bytes_after", job.smaller().totalBytes());
    if (earlier.isPresent()) {
      job.requireSame(earlier.get(), command.target.output());
      command.output.keep(object, () -> text(object, removed, "finished before; "));
      return job;
    }
    Optional<EvaluateOption.Measured> before =
        isFirstHalf() ? Optional.empty() : command.measured(model, backend, results);
    boolean finished = job.isFinished();
    PhaseClock clock = new PhaseClock(backend.concurrency());
    run(job, clock, () -> saveStatistics(planned.choice));
    object.put("removed", job.removed().written(asked.parts().structure()));
    Optional<Part.PartState> part = Optional.ofNullable(job.part());
    part.ifPresent(state -> object.put("part", state.toJson()));
    Optional<Perplexities> perplexities =
        before.map(dense -> command.compared(dense, model, output, backend, results));
    perplexities.ifPresent(both -> object.put("perplexity", both.toJson()));
    object.put("seconds", command.around(clock.seconds().calibrated(calibrate)).toJson());
    memory.addTo(object);
    if (isFirstHalf()) {
      command.output.keep(object, () -> text(object, removed, ""));
      return job;
    }
    report(planned, perplexities);
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

  private void saveStatistics(StructureChoice.Chosen choice) {
    if (!isFirstHalf()) {
      choice
          .statistics()
          .ifPresent(used -> results.write(PruneCommand.SAVED_STATISTICS, used.content()));
    }
  }

  private void report(Planned planned, Optional<Perplexities> perplexities) {
    if (!results.writes(PruneCommand.REPORT)) {
      return;
    }
    Map<String, Object> inputs = command.calibrations.facts(calibration);
    if (command.evaluation.given()) {
      inputs.put("text", command.evaluation.facts());
    }
    RunFacts facts = WandaCuda.facts(model, backend, command.output, inputs);
    results.write(
        PruneCommand.REPORT,
        new StructureReport(
                facts, planned.object, planned.choice, planned.job.removed(), perplexities)
            .content(command.report));
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
