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
import io.github.wandacuda.job.module.ModuleRequest;
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
import io.github.wandacuda.job.record.Journal;
import io.github.wandacuda.job.record.MaskDigest;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.RunRecords;
import io.github.wandacuda.job.verify.AddedFilesException;
import io.github.wandacuda.job.verify.Failures;
import io.github.wandacuda.job.verify.RecordCheck;
import io.github.wandacuda.job.verify.ShardVerifier;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.prune.MaskSink;
import io.github.wandacuda.prune.ModuleResult;
import io.github.wandacuda.prune.PruningRules;
import io.github.wandacuda.system.RealCause;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One run in its output directory, from whatever an interrupted one has left to the end. */
final class OutputRun implements PruneTarget.Run {
  private static final Logger LOG = LoggerFactory.getLogger(OutputRun.class);
  private static final Pattern BLOCK = Pattern.compile("\\.(\\d{1,9})\\.");
  private static final String SPILL = AtomicWrite.OWN + ".masks";

  private final RunScope scope;
  private final SideFiles sideFiles;
  private final OutputDirectory output;
  private final RunTools tools;
  private final Provenance plan;
  private final Fingerprint fingerprint;

  /** Takes over the directory, which it closes. */
  OutputRun(
      RunScope scope,
      SideFiles sideFiles,
      OutputDirectory output,
      RunTools tools,
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

  /**
   * Where the run begins.
   *
   * @param kept what an interrupted run has written
   * @param block the first block of a calibrated run
   */
  private record Start(ResumableWork kept, int block) {
    static final Start FRESH = new Start(ResumableWork.NONE, 0);
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
    Written written = write(start());
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

  /** A file that couldn't be read may be readable the next time. */
  private static boolean isInputsOrOutputsFault(Throwable e) {
    return (e instanceof InputException && !(e.getCause() instanceof IOException))
        || e instanceof UsageException
        || (e instanceof VerificationException && !(e instanceof AddedFilesException));
  }

  @Override
  public void close() {
    output.close();
  }

  /** Returns what is in the output that isn't written by a run. */
  private ExtraFiles added() {
    return ExtraFiles.of(scope.model().checkpoint(), sideFiles, output.path());
  }

  /** The same files that {@code verify} tells of: those that a loader reads are a failure. */
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

  /** Removes what killed runs have left under temporary names that this one had no use for. */
  private void removeLeftovers() {
    added().loaded().stream()
        .filter(OutputRun::isRuns)
        .map(output.path()::resolve)
        .filter(file -> !file.equals(output.journal().file()))
        .forEach(output::remove);
  }

  private Start start() {
    Journal journal = output.journal();
    if (output.interrupted().isEmpty()) {
      journal.restart(RunRecords.run(fingerprint));
      return Start.FRESH;
    }
    RunRecords records = output.interrupted().get();
    ResumableWork kept =
        ResumableWork.check(
            records,
            scope.model().checkpoint(),
            scope.chosen(),
            scope.isCalibrated(),
            output.path(),
            tools.workers());
    if (!scope.isCalibrated()) {
      return new Start(kept, 0);
    }
    Start start = lastWholeBlock(records, kept);
    journal.append(RunRecords.resumed(start.block()));
    return start;
  }

  private Start lastWholeBlock(RunRecords records, ResumableWork kept) {
    int blocks = DecoderFamilies.of(scope.model().config()).shape(scope.model().config()).blocks();
    long bytes = RunNeeds.stateBytes(scope.model(), scope.request().calibration());
    Set<Integer> overwritten = new HashSet<>();
    for (RunRecords.States states : records.states()) {
      if (overwritten.add(StateFiles.fileOf(states.block()))
          && states.block() > 0
          && states.block() < blocks
          && hasAllBefore(states)
          && kept.hasModulesOf(states.tensors())
          && StateFiles.holds(output.path(), states, bytes)) {
        return new Start(kept.withModulesOf(states.tensors()), states.block());
      }
    }
    return new Start(kept.withModulesOf(Set.of()), 0);
  }

  /** Returns whether what was written before some states is all that goes before their block. */
  private boolean hasAllBefore(RunRecords.States states) {
    return scope.chosen().stream()
        .filter(module -> block(module) < states.block())
        .allMatch(module -> states.tensors().contains(module.tensor().name()));
  }

  private static int block(LinearModule module) {
    Matcher number = BLOCK.matcher(module.name());
    return number.find() ? Integer.parseInt(number.group(1)) : 0;
  }

  /** Writes all shards; the masks' digest is known only where all masks were made here. */
  private Written write(Start start) {
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
      MaskSink sink = fresh ? masks : MaskSink.NONE;
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

  /** Hidden states are a convenience: a run goes on without, but then can't be resumed half-way. */
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

  /** Returns what came of the modules that are kept. */
  private List<ModuleResult> kept(ResumableWork kept) {
    return kept.results(scope.chosen()).stream()
        .map(result -> result.norms() == null ? result.with(scope.norms(result.module())) : result)
        .toList();
  }

  private List<ModuleResult> prune(ModulePruner pruner, Start start, StateFiles states) {
    if (scope.request().calibration() instanceof Calibration.FromSamples samples) {
      return new CalibratedPass(
              scope.model(), tools.backend(), samples, tools.clock(), tools.progress())
          .run(scope.chosen(), pruner, start.block(), states);
    }
    Set<LinearModule> kept =
        start.kept().results(scope.chosen()).stream()
            .map(ModuleResult::module)
            .collect(Collectors.toUnmodifiableSet());
    List<ModuleRequest> requests =
        scope.chosen().stream()
            .filter(module -> !kept.contains(module))
            .map(scope::moduleRequest)
            .toList();
    return pruner.prune(requests, tools.progress());
  }

  /**
   * Checks what was written.
   *
   * @param claimed what will be said of it; the masks' digest is null if it isn't known
   * @param rulesAfter the rules, with what was kept by them
   * @return the masks' digest
   */
  private String verify(Provenance claimed, PruningRules rulesAfter) {
    long start = System.nanoTime();
    Failures failures = new Failures();
    Optional<ShardVerifier.Found> found =
        new ShardVerifier(tools.workers(), rulesAfter, scope.chosen(), failures)
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
}
