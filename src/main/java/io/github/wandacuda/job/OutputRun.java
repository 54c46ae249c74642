package io.github.wandacuda.job;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.checkpoint.ExtraFiles;
import io.github.wandacuda.io.checkpoint.SideFiles;
import io.github.wandacuda.io.checkpoint.TensorNames;
import io.github.wandacuda.job.output.ModulePruner;
import io.github.wandacuda.job.output.OutputCheck;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.OutputShards;
import io.github.wandacuda.job.output.ResumableWork;
import io.github.wandacuda.job.output.RunNeeds;
import io.github.wandacuda.job.output.SpaceCheck;
import io.github.wandacuda.job.output.StateFiles;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.MaskDigest;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.verify.Failures;
import io.github.wandacuda.job.verify.RecordCheck;
import io.github.wandacuda.job.verify.ShardVerifier;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.prune.MaskSink;
import io.github.wandacuda.prune.ModuleResult;
import io.github.wandacuda.prune.PruningRules;
import io.github.wandacuda.system.RealCause;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A run in its output directory, begun or resumed. */
final class OutputRun implements PruneTarget.Run {
  private static final Logger LOG = LoggerFactory.getLogger(OutputRun.class);
  private static final String SPILL = AtomicWrite.OWN + ".masks";

  private final RunScope scope;
  private final SideFiles sideFiles;
  private final OutputDirectory output;
  private final PruneTarget.Tools tools;
  private final Provenance plan;
  private final Fingerprint fingerprint;

  /** Takes over the directory, which it closes. */
  OutputRun(
      RunScope scope,
      SideFiles sideFiles,
      OutputDirectory output,
      PruneTarget.Tools tools,
      Provenance plan,
      Fingerprint fingerprint) {
    this.scope = scope;
    this.sideFiles = sideFiles;
    this.output = output;
    this.tools = tools;
    this.plan = plan;
    this.fingerprint = fingerprint;
  }

  @Override
  public Optional<Provenance> finished() {
    return output.finished();
  }

  /** What was written. */
  private record Written(List<ModuleResult> results, String masks) {}

  @Override
  public RunResult prune() {
    sideFiles
        .leftOut()
        .forEach(file -> LOG.warn("{} is left out: the output has no use for it", file));
    added().loaded().stream()
        .filter(file -> !isRuns(file))
        .findFirst()
        .ifPresent(
            file -> {
              throw OutputCheck.foreign(output.path().resolve(file));
            });
    Written written = write(RunStart.of(scope, output, fingerprint, tools.workers()));
    sideFiles.files().forEach(file -> output.copy(sideFiles, file));
    String masks = written.masks();
    if (scope.request().verify() || masks == null) {
      masks = verify(plan.with(written.results(), masks), scope.rules().after(written.results()));
    }
    requireNothingAdded();
    return new RunResult(
        plan.with(written.results(), masks), written.results(), tools.clock().seconds());
  }

  @Override
  public void end(RunResult result) {
    StateFiles.remove(output);
    sideFiles.lastFiles().forEach(file -> output.copy(sideFiles, file));
    removeLeftovers();
    output.finish(result.provenance());
  }

  @Override
  public void settle(Throwable failure) {
    Optional<WandaException> behind = RealCause.behind(failure);
    if (behind.orElse(null) instanceof CancelledException) {
      throw new CancelledException(
          "cancelled; what is finished of %s is kept: run the same again with `resume` to go on"
              .formatted(output.path()),
          failure);
    }
    if (behind.isEmpty() && isInputsOrOutputsFault(failure)) {
      output.discard();
      return;
    }
    LOG.warn("{}: what is finished is kept for a run that resumes", output.path());
    RealCause.throwIfBehind(failure);
  }

  /**
   * Tells a broken input or a wrong output, after which nothing is worth keeping, from a file that
   * couldn't be read and may be readable the next time.
   */
  private static boolean isInputsOrOutputsFault(Throwable e) {
    return (e instanceof InputException && !(e.getCause() instanceof IOException))
        || e instanceof UsageException
        || (e instanceof VerificationException && !(e instanceof AddedFilesException));
  }

  @Override
  public void close() {
    output.close();
  }

  /** Returns the files in the output that no run writes. */
  private ExtraFiles added() {
    return ExtraFiles.of(scope.model().checkpoint(), sideFiles, output.path());
  }

  /** Checks for added files as {@code verify} does: one that a program would load is a failure. */
  private void requireNothingAdded() {
    ExtraFiles added = added();
    added.loaded().stream()
        .filter(file -> !isRuns(file))
        .findFirst()
        .ifPresent(
            file -> {
              throw new AddedFilesException(output.path().resolve(file));
            });
    added
        .others()
        .forEach(
            file ->
                LOG.warn(
                    "{} stands in the output, and this run did not write it",
                    Printable.of(output.path().resolve(file))));
  }

  private static boolean isRuns(Path file) {
    return file.getFileName().toString().startsWith(AtomicWrite.OWN);
  }

  /** Removes temporary files of killed runs that this run didn't reuse. */
  private void removeLeftovers() {
    added().loaded().stream()
        .filter(OutputRun::isRuns)
        .map(output.path()::resolve)
        .filter(file -> !file.equals(output.journal().file()))
        .forEach(output::remove);
  }

  /**
   * Writes all shards. The digest of the masks is null after a resumed run, which hasn't all masks.
   */
  private Written write(RunStart start) {
    boolean fresh = output.interrupted().isEmpty();
    Path spill = output.file(Path.of(SPILL));
    output.remove(spill);
    try (OutputShards shards =
            new OutputShards(
                scope.model().checkpoint(), output, start.kept(), scope.isCalibrated());
        MaskDigest masks = new MaskDigest(scope.chosen().size(), spill)) {
      shards.copyUntouched(scope.tensors(), tools.workers(), tools.clock());
      StateFiles states = new StateFiles(output, shards, hasRoomForStates());
      List<ModuleResult> results = new ArrayList<>(kept(start.kept()));
      MaskSink sink = fresh ? masks.and(tools.masks()) : MaskSink.NONE;
      try (ModulePruner pruner =
          new ModulePruner(
              tools.backend(),
              tools.workers(),
              scope.rules(),
              scope.chosen(),
              shards,
              sink,
              tools.clock())) {
        results.addAll(prune(pruner, start, states));
      }
      shards.finish();
      results.sort(Comparator.comparing(result -> result.module().name(), TensorNames.ORDER));
      return new Written(results, fresh ? masks.hex() : null);
    }
  }

  /**
   * Returns whether the disk has space for hidden states. A run works without saving them, but is
   * then resumed from the first block.
   */
  private boolean hasRoomForStates() {
    RunNeeds needs =
        RunNeeds.of(scope.model(), scope.request(), scope.chosen(), sideFiles, tools.backend());
    long bytes = needs.writeBytes() + needs.temporaryBytes() - SpaceCheck.taken(output.path());
    boolean room = SpaceCheck.hasDisk(output.path(), bytes);
    if (!room && scope.isCalibrated()) {
      LOG.warn(
          "{}: no room for {} bytes of hidden states beside the output: if the run is interrupted,"
              + " it begins at the first block again",
          output.path(),
          2 * needs.stateBytes());
    }
    return room;
  }

  /** Returns the results of the modules that are kept from an interrupted run. */
  private List<ModuleResult> kept(ResumableWork kept) {
    return kept.results(scope.chosen()).stream()
        .map(result -> result.norms() == null ? result.with(scope.norms(result.module())) : result)
        .toList();
  }

  private List<ModuleResult> prune(ModulePruner pruner, RunStart start, StateFiles states) {
    if (scope.request().calibration() instanceof Calibration.FromSamples samples) {
      return new CalibratedPass(scope, tools.backend(), samples, tools.clock(), tools.progress())
          .run(scope.chosen(), pruner, start.block(), states);
    }
    Set<LinearModule> kept =
        start.kept().results(scope.chosen()).stream()
            .map(ModuleResult::module)
            .collect(Collectors.toUnmodifiableSet());
    return new StatisticsPass(scope, pruner, tools.progress())
        .run(scope.chosen().stream().filter(module -> !kept.contains(module)).toList());
  }

  /**
   * Checks what was written.
   *
   * @param claimed the record to be written, with a null as the masks' digest if that isn't known
   * @param rulesAfter the rules, with the modules that were kept unpruned
   * @return the masks' digest
   */
  private String verify(Provenance claimed, PruningRules rulesAfter) {
    long start = System.nanoTime();
    Failures failures = new Failures();
    Optional<ShardVerifier.Found> found =
        new ShardVerifier(
                tools.workers(),
                rulesAfter,
                scope.chosen(),
                failures,
                claimed.maskSha256() == null ? tools.masks() : MaskSink.NONE,
                tools.progress())
            .verify(scope.model().checkpoint().shards(), output.path());
    if (found.isPresent() && failures.isEmpty()) {
      Provenance record =
          claimed.maskSha256() == null ? claimed.withMasks(found.get().maskSha256()) : claimed;
      new RecordCheck(output.path().resolve(Provenance.FILE_NAME), record, failures)
          .compare(scope.chosen(), found.get());
    }
    tools.clock().addVerify(System.nanoTime() - start);
    if (!failures.isEmpty()) {
      throw new VerificationException(
          ErrorDetails.file(output.path())
              .said("the written output is wrong: " + failures.first()));
    }
    return found.orElseThrow().maskSha256();
  }

  /**
   * The output holds a file that the run didn't write and that a program would load. What the run
   * wrote is right.
   */
  private static final class AddedFilesException extends VerificationException {
    private static final long serialVersionUID = 1L;

    public AddedFilesException(Path file) {
      super(
          ErrorDetails.file(file)
              .expected("nothing, as in the source", "a file that this run did not write")
              .hint("take it away and run the same again with `resume`"));
    }
  }
}
