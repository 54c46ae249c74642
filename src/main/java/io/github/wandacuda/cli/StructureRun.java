package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cli.option.EvaluateOption;
import io.github.wandacuda.cli.option.ResultFiles;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.output.OutputPrecheck;
import io.github.wandacuda.job.output.UnfinishedRun;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.ComputedOn;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.RemovalRecord;
import io.github.wandacuda.job.record.SmallerModel;
import io.github.wandacuda.job.structure.RemovalRequest;
import io.github.wandacuda.job.structure.RemovalSummary;
import io.github.wandacuda.job.structure.StructureChoice;
import io.github.wandacuda.job.structure.StructureJob;
import io.github.wandacuda.job.structure.StructureRequest;
import io.github.wandacuda.job.structure.StructureSearch;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.report.PruneReport.Perplexities;
import io.github.wandacuda.report.RemovalResult;
import io.github.wandacuda.report.RunFacts;
import io.github.wandacuda.report.StructureReport;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Removes whole parts of a model.
 *
 * @param output where the smaller model goes: for good, or until weights of it are pruned
 */
record StructureRun(
    PruneCommand command, PruneInputs inputs, RemovalRequest asked, Path output, Backend backend) {
  private ModelDirectory model() {
    return inputs.model();
  }

  private Calibration calibration() {
    return inputs.calibration();
  }

  private ResultFiles results() {
    return inputs.results();
  }

  /** Removes the parts, or says what that would do and take. */
  void run(boolean dry) {
    if (dry) {
      print(plan(false, Optional.empty()));
    } else {
      StructureJob unused = run(Optional.empty());
    }
  }

  /**
   * Says what the first half of a run would do, and then what the second one would.
   *
   * @param check checks what can be said of the weights before anything is done
   * @param weights says what would be done to the weights of the smaller model
   */
  void planBefore(
      Consumer<ModelDirectory> check, BiConsumer<ModelDirectory, Optional<SmallerModel>> weights) {
    Planned planned = plan(false, Optional.empty());
    check.accept(planned.job.planned());
    print(planned);
    try (ModelDirectory smaller = planned.job.planned()) {
      weights.accept(smaller, Optional.empty());
    }
  }

  /**
   * Runs as the first half, and then has weights of the smaller model pruned, which is removed when
   * that is done. What an interrupted run has made is taken as it is.
   *
   * @param check checks what can be said of these weights before anything is done
   * @param weights prunes them
   */
  void runBefore(
      Consumer<ModelDirectory> check, BiConsumer<ModelDirectory, Optional<SmallerModel>> weights) {
    Path whole = command.target.output();
    boolean resume = command.target.resume();
    Optional<Provenance> ended = resume ? OutputPrecheck.record(whole) : Optional.empty();
    Optional<Provenance> earlier =
        resume && ended.isEmpty()
            ? OutputPrecheck.record(output)
            : ended.map(record -> record.parts().<Provenance>map(first -> first).orElse(record));
    if (ended.isEmpty()) {
      check.accept(plan(false, Optional.empty()).job.planned());
    }
    StructureJob job = run(earlier);
    Optional<RemovalRecord> record =
        earlier.or(() -> OutputPrecheck.record(output)).map(Provenance::ofRemoval);
    try (ModelDirectory smaller =
        ended.isPresent()
            ? job.planned()
            : ModelDirectory.open(output, model().config().family())
                .withTokenizer(model().tokenizer())) {
      weights.accept(smaller, record.map(job::made));
    } catch (InputException | VerificationException e) {
      if (!UnfinishedRun.isIn(whole)) {
        record.ifPresent(job::remove);
      }
      throw e;
    }
    record.ifPresent(job::remove);
  }

  /** A run that is about to begin. */
  private record Planned(StructureJob job, StructureChoice.Chosen choice, RemovalSummary summary) {}

  private boolean isFirstHalf() {
    return !output.equals(command.target.output());
  }

  /** Returns how many samples run, 0 where statistics take their place. */
  private int samples() {
    return calibration() instanceof Calibration.FromSamples drawn ? drawn.samples().size() : 0;
  }

  /**
   * Chooses the parts, and prepares their removal.
   *
   * @param measured whether samples run to choose them; else parts are taken of which a plan's
   *     sizes are right: experts are of one size, and most blocks are
   * @param earlier the record of a run that has chosen them before
   */
  private Planned plan(boolean measured, Optional<RemovalRecord> earlier) {
    long shardBytes = command.structures.shardBytes(model());
    StructureJob.check(output, model(), command.resumes());
    asked.check(model());
    Update fits = asked.update(model(), calibration(), why -> command.output.detail("%s", why));
    boolean known = (measured || samples() == 0) && earlier.isEmpty();
    command.prepared();
    StructureChoice.Chosen choice =
        earlier
            .flatMap(asked::madeBy)
            .orElseGet(
                () ->
                    asked.choose(
                        model(), backend, calibration(), fits, known, command.output.progress()));
    StructureJob job = new StructureJob(request(choice, fits, shardBytes), model());
    return new Planned(
        job,
        choice,
        new RemovalSummary(
            job.written(),
            asked.parts(),
            fits,
            ComputedOn.of(backend),
            known ? Optional.of(choice.removed()) : Optional.empty(),
            choice.trials(),
            job.sizes()));
  }

  private StructureRequest request(StructureChoice.Chosen choice, Update fits, long shardBytes) {
    return StructureRequest.of(output, asked, choice.removed())
        .chosenShare(asked.chosenShare(model(), calibration(), fits, choice.trials().size()))
        .update(fits)
        .calibration(calibration())
        .files(command.files(true))
        .shardBytes(shardBytes)
        .resume(command.resumes())
        .verify(command.target.verify())
        .card(!isFirstHalf() && command.target.card())
        .io(command.target.storage().io())
        .build();
  }

  /** Says what a run would do, and what it would need. */
  private void print(Planned planned) {
    StructureJob job = planned.job;
    List<StructureSearch.Trial> trials = planned.choice.trials();
    job.requireRoom();
    PlanPrinter.openBlocks(model(), calibration(), backend, command.output.progress());
    List<int[]> evaluated = isFirstHalf() ? List.of() : command.evaluation.windows();
    RemovalPlan plan =
        new RemovalPlan(
            planned.summary,
            samples(),
            job.needs(trials),
            job.estimate(backend, trials, evaluated, command.output.progress()),
            command.target.part().map(part -> PartShare.of(part, job.smaller().shards())));
    if (isFirstHalf()) {
      command.output.keep(plan.toJson(), plan::text);
    } else {
      command.output.result(
          plan.toJson(), () -> Stream.concat(plan.text(), Stream.of("nothing was written")));
    }
  }

  /** Runs, unless that has been done by the record of an earlier run. */
  private StructureJob run(Optional<Provenance> earlier) {
    long start = System.nanoTime();
    Planned planned = plan(true, earlier.flatMap(Provenance::parts));
    double choosing = samples() > 0 ? (System.nanoTime() - start) / 1e9 : 0;
    StructureJob job = planned.job;
    if (earlier.isPresent()) {
      job.requireSame(earlier.get(), command.target.output());
      command.output.keep(
          planned.summary.toJson(), () -> RemovalText.of(planned.summary, "finished before; "));
      return job;
    }
    boolean finished = job.isFinished();
    RemovalResult result = remove(planned, choosing);
    if (isFirstHalf()) {
      command.output.keep(result.toJson(), () -> RemovalText.of(result.summary(), ""));
    } else {
      report(result, planned.choice);
      command.output.written(result.toJson(), () -> text(result, finished));
    }
    return job;
  }

  /** Removes the parts, and measures the model before and after if that is asked for. */
  private RemovalResult remove(Planned planned, double choosing) {
    Optional<EvaluateOption.Measured> before =
        isFirstHalf() ? Optional.empty() : command.measured(model(), backend, results());
    PhaseClock clock = new PhaseClock(backend.concurrency());
    run(planned.job, clock, () -> saveStatistics(planned.choice));
    Optional<Perplexities> perplexities =
        isFirstHalf()
            ? Optional.empty()
            : command.compared(before, model(), planned.job.written(), backend, results());
    return new RemovalResult(
        planned.summary.with(planned.job.removed()),
        Optional.ofNullable(planned.job.part()),
        perplexities,
        command.around(clock.seconds().calibrated(choosing)),
        inputs.memory().peaks());
  }

  private static Stream<String> text(RemovalResult result, boolean finished) {
    String done =
        result.part().map(state -> state + "; ").orElse("")
            + (finished ? "finished before, nothing was done; " : "");
    return Stream.concat(
        RemovalText.of(result.summary(), done),
        result.perplexities().stream().map(both -> "  text        " + both.text()));
  }

  private void saveStatistics(StructureChoice.Chosen choice) {
    if (!isFirstHalf()) {
      choice
          .statistics()
          .ifPresent(used -> results().write(PruneCommand.SAVED_STATISTICS, used.content()));
    }
  }

  private void report(RemovalResult result, StructureChoice.Chosen choice) {
    if (!results().writes(PruneCommand.REPORT)) {
      return;
    }
    Map<String, Object> sources = command.calibrations.facts(calibration());
    if (command.evaluation.given()) {
      sources.put("text", command.evaluation.facts());
    }
    RunFacts facts = WandaCuda.facts(model(), backend, command.output, sources);
    results()
        .write(
            PruneCommand.REPORT,
            new StructureReport(facts, result, choice).content(command.report));
  }

  /** Runs the job: in this process, on a cluster, or a part of it. */
  private void run(StructureJob job, PhaseClock clock, Runnable beforeEnd) {
    Progress progress = command.output.progress();
    if (command.target.part().isPresent()) {
      Runnable last =
          () -> {
            // Every part was told to write them; only the last one does.
            results().reserve();
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
}
