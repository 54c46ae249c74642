package io.github.wandacuda.job.prune;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.estimate.RunEstimate;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.estimate.Stopwatch;
import io.github.wandacuda.job.estimate.TimeEstimate;
import io.github.wandacuda.job.output.GgufPlace;
import io.github.wandacuda.job.output.OutputPrecheck;
import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.job.record.SmallerModel;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Allocation;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.system.SpaceCheck;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** A checked run, ready to begin: into another directory or file, or in the model's own shards. */
public final class PruneJob {
  private final RunScope scope;
  private final PruneTarget target;

  private PruneJob(PruneTarget target) {
    this.target = target;
    scope = target.scope();
  }

  /**
   * Checks all that can be checked before a model is pruned into another directory, or one in GGUF
   * into another file.
   *
   * @throws UsageException if the output isn't empty or a pattern matches nothing
   * @throws io.github.wandacuda.error.InputException if a module can't be pruned as asked or has no
   *     norms
   */
  public static PruneJob toOutput(ModelDirectory model, PruneRequest request) {
    checkPlace(model, request.output(), request.resume());
    if (model.isGguf()) {
      return new PruneJob(GgufTarget.of(RunScope.of(model, request)));
    }
    return new PruneJob(new DirectoryTarget(RunScope.of(model, request), Optional.empty()));
  }

  /**
   * Checks all that can be checked before a model's own shards are pruned.
   *
   * @param request the request, whose output is the model's directory and whose {@code resume} is
   *     ignored
   * @throws UsageException if a pattern matches nothing, or the norms come from samples: after an
   *     interruption, blocks that are pruned already would give other norms
   * @throws io.github.wandacuda.error.InputException if a module can't be pruned as asked or has no
   *     norms
   * @throws io.github.wandacuda.error.OutputException if a shard can't be written, or is a link
   */
  public static PruneJob inPlace(ModelDirectory model, PruneRequest request) {
    model.requireDirectory("`in-place`");
    InPlaceTarget.check(request);
    return new PruneJob(new InPlaceTarget(RunScope.of(model, request)));
  }

  /**
   * Checks what can be before norms are computed.
   *
   * @param output a directory that doesn't exist or is empty, or with {@code resume} one in which
   *     an earlier run has begun
   * @return the modules that a run would prune
   * @throws UsageException if the output holds something else, or a pattern matches nothing
   * @throws io.github.wandacuda.error.InputException if a module can't be pruned as asked
   */
  public static List<LinearModule> check(
      ModelDirectory model, Path output, boolean resume, ModuleChoice choice, PruningRules rules) {
    checkPlace(model, output, resume);
    List<LinearModule> chosen = model.choose(choice);
    rules.check(chosen);
    if (model.isGguf()) {
      GgufTarget.check(model, chosen.stream().filter(rules::areFor).toList(), rules);
    }
    return chosen;
  }

  private static void checkPlace(ModelDirectory model, Path output, boolean resume) {
    if (model.isGguf()) {
      new GgufPlace(output).check(List.of(), resume);
    } else {
      OutputPrecheck.check(output, model.path(), resume);
    }
  }

  /**
   * Returns the same run on a cluster.
   *
   * @throws UsageException if it is in place, takes masks from files, or realigns weights
   */
  public PruneJob on(OnCluster cluster) {
    scope.model().requireDirectory("`cluster`");
    OnCluster.check(target instanceof InPlaceTarget, scope.request().masks().isPresent());
    if (scope.rules().realign()) {
      throw new UsageException(
          "`cluster`: samples of the dense model aren't shared out for realign or tune");
    }
    return new PruneJob(new DirectoryTarget(scope, Optional.of(cluster)));
  }

  /**
   * Returns a part of the same run, which goes on with what it may have done before. Whichever part
   * ends last completes the output.
   *
   * @param part which one
   * @param process this process, as a cluster of one; closed by the caller
   * @throws UsageException if the run can't be had in parts
   */
  public PruneJob part(Part part, OnCluster process) {
    scope.model().requireDirectory("writing it in parts");
    PruneRequest request = scope.request();
    Part.check(
        target instanceof InPlaceTarget,
        scope.isCalibrated(),
        request.masks().isPresent(),
        request.packed());
    return new PruneJob(PartTarget.of(scope, part, process));
  }

  /** Returns the modules that are pruned, in the natural order of their names. */
  public List<LinearModule> chosen() {
    return scope.chosen();
  }

  /**
   * Returns the disk and memory that the run needs.
   *
   * @param backend that would do the work
   */
  public RunNeeds needs(Backend backend) {
    return target.needs(backend);
  }

  /**
   * Estimates the time of the run by doing a small part of it.
   *
   * @param backend does the measured work; the caller closes it
   * @param allocations how totals are shared out over blocks before it
   * @param evaluated windows of text that run through the model before and after it
   */
  public TimeEstimate estimate(
      Backend backend, List<Allocation> allocations, List<int[]> evaluated, Progress progress) {
    return new RunEstimate(scope, backend, new Stopwatch(Stopwatch.MOST, progress))
        .of(needs(backend), allocations, evaluated);
  }

  /**
   * Checks that there is enough disk space and memory, as the run itself does first.
   *
   * @throws io.github.wandacuda.error.OutputException if the output can't be written, or its disk
   *     has too little free space
   */
  public void requireRoom(Backend backend) {
    RunNeeds needs = needs(backend);
    SpaceCheck.requireDisk(target.path(), target.diskBytes(needs));
    SpaceCheck.requireMemory(target.memoryBytes(needs), SpaceCheck.FEWER_SAMPLES);
  }

  /**
   * Prunes, verifies, and completes the result.
   *
   * @param backend does the work; the caller closes it
   * @param masks receives the modules' masks, in the order of {@link #chosen}
   * @param beforeEnd called right before the result is completed; if it throws, the result remains
   *     unfinished; not called if another part completes it
   * @throws UsageException if the output belongs to another run, or another run is at work in it
   * @throws io.github.wandacuda.error.InputException if a weight, norm or activation is not finite,
   *     or a file is broken
   */
  public RunResult run(
      Backend backend, Progress progress, MaskSink masks, Consumer<RunResult> beforeEnd) {
    long begin = System.nanoTime();
    PhaseClock clock = new PhaseClock(backend.concurrency());
    if (!target.isFinished()) {
      requireRoom(backend);
    }
    String source =
        scope
            .request()
            .smaller()
            .map(SmallerModel::sha256)
            .orElseGet(() -> SourceDigest.of(scope.model()));
    PruningRecord plan = PruningRecord.planned(scope.request(), scope.chosen(), source);
    try (DirectIo io =
            DirectIo.of(
                scope.request().storage().io(), 2 * scope.model().checkpoint().totalBytes());
        Workers workers = new Workers(backend.concurrency())) {
      clock.addComplete(System.nanoTime() - begin);
      PruneTarget.Tools tools =
          new PruneTarget.Tools(plan, backend, workers, clock, progress, masks, io, beforeEnd);
      return target.run(tools).with(clock.seconds());
    }
  }
}
