package io.github.wandacuda.pruning;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.RealCause;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.parallel.Workers;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Prunes a model directory into another one. The output's {@code config.json}, index and {@code
 * wanda-cuda.json} are written last, after the rest was checked, so that a directory that has them
 * is complete.
 *
 * <p>A run that is interrupted, or fails for want of space, rights, memory or a device, leaves what
 * it has finished for one that resumes. One that finds its input broken or its output wrong takes
 * everything away.
 */
public final class PruneJob implements PruningJob {
  private static final Logger LOG = LoggerFactory.getLogger(PruneJob.class);

  private final ModelDirectory model;
  private final PruneRequest request;
  private final List<LinearModule> chosen;
  private final PruningRules rules;
  private final SideFiles sideFiles;

  /**
   * Checks all that can be checked before something is written.
   *
   * @throws io.github.wandacuda.error.UsageException if the output isn't empty or a pattern matches
   *     nothing
   * @throws InputException if a module can't be pruned as asked or has no norms
   */
  public PruneJob(ModelDirectory model, PruneRequest request) {
    this.model = model;
    this.request = request;
    rules = request.rules();
    chosen = check(model, request.output(), request.resume(), request.choice(), rules);
    if (request.calibration() instanceof Calibration.FromStatistics statistics) {
      new NormLookup(statistics).check(chosen, request.unreached());
    }
    sideFiles = SideFiles.of(model.checkpoint(), request.output());
  }

  /**
   * Checks what can be checked before norms are at hand, which may take long to come.
   *
   * @param resume whether an earlier run's output may be there
   * @return the modules that would be pruned
   * @throws io.github.wandacuda.error.UsageException as the constructor does
   * @throws InputException as the constructor does
   */
  public static List<LinearModule> check(
      ModelDirectory model, Path output, boolean resume, ModuleChoice choice, PruningRules rules) {
    OutputPlace.check(output, model.path(), resume);
    List<LinearModule> chosen = model.choose(choice);
    chosen.forEach(rules::check);
    return chosen;
  }

  @Override
  public List<LinearModule> chosen() {
    return chosen;
  }

  @Override
  public RunNeeds needs(Backend backend) {
    return RunNeeds.of(model, request, chosen, sideFiles, backend);
  }

  @Override
  public TimeEstimate estimate(Backend backend) {
    return new RunEstimate(model, request, backend).of(chosen, needs(backend));
  }

  @Override
  public void requireRoom(Backend backend) {
    RunNeeds needs = needs(backend);
    long disk = needs.writeBytes() + needs.maskBytes() - Room.taken(request.output());
    Room.requireDisk(request.output(), disk);
    Room.requireMemory(needs.memoryBytes());
  }

  @Override
  public PruneResult run(
      Backend backend, String version, Progress progress, Consumer<PruneResult> beforeEnd) {
    if (!OutputPlace.isFinished(request.output())) {
      requireRoom(backend);
    }
    Provenance plan = Provenance.planned(request, chosen, SourceDigest.of(model), version);
    Fingerprint cause = Fingerprint.of(plan);
    try (Workers workers = new Workers(backend.concurrency());
        OutputDirectory output =
            OutputDirectory.open(request.output(), model.path(), request.resume(), ownFiles())) {
      PhaseClock clock = new PhaseClock(workers.count());
      if (output.finished().isPresent()) {
        Provenance finished = output.finished().get();
        requireSame(cause, Fingerprint.of(finished));
        return new PruneResult(finished, List.of(), clock.seconds());
      }
      Fingerprint fingerprint = cause.with(SourceDigest.byFile(model)).with(arithmetic(backend));
      output.interrupted().ifPresent(earlier -> requireSame(fingerprint, earlier.run()));
      PruneRun run =
          new PruneRun(model, request, rules, chosen, sideFiles, workers, output, clock, progress);
      try {
        return run.run(backend, fingerprint, plan, beforeEnd);
      } catch (RuntimeException | Error e) {
        settle(e, output);
        throw e;
      }
    }
  }

  private Set<Path> ownFiles() {
    Set<Path> own = new HashSet<>(sideFiles.files());
    own.addAll(sideFiles.lastFiles());
    model.checkpoint().shards().forEach(shard -> own.add(shard.path().getFileName()));
    return own;
  }

  /** Returns what a calibrated run's bytes depend on besides the input. */
  private Map<String, String> arithmetic(Backend backend) {
    return request.calibration() instanceof Calibration.FromSamples
        ? Map.of("backend", backend.arithmetic())
        : Map.of();
  }

  private void requireSame(Fingerprint now, Fingerprint there) {
    List<String> differences = now.differencesFrom(there);
    if (!differences.isEmpty()) {
      throw new UsageException(
          ErrorDetails.file(request.output())
              .said(
                  "holds the output of another run, which differs in "
                      + String.join(", ", differences)));
    }
  }

  /**
   * Decides what becomes of the output of a run that failed.
   *
   * @throws WandaException what is behind the failure, if it doesn't stand for itself: a {@link
   *     CancelledException} says how to go on
   */
  private void settle(Throwable e, OutputDirectory output) {
    Optional<WandaException> behind = RealCause.behind(e);
    if (behind.orElse(null) instanceof CancelledException) {
      throw new CancelledException(
          "cancelled; what is finished of %s is kept: run the same again with `resume` to go on"
              .formatted(request.output()),
          e);
    }
    if (behind.isEmpty() && isInputsOrOutputsFault(e)) {
      output.discard();
      return;
    }
    LOG.warn("{}: what is finished is kept for a run that resumes", request.output());
    RealCause.throwIfBehind(e);
  }

  /** A file that couldn't be read may be readable the next time. */
  private static boolean isInputsOrOutputsFault(Throwable e) {
    return (e instanceof InputException && !(e.getCause() instanceof IOException))
        || e instanceof UsageException
        || (e instanceof VerificationException && !(e instanceof AddedFilesException));
  }
}
