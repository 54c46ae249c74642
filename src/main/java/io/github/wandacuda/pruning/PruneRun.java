package io.github.wandacuda.pruning;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.AtomicWrite;
import io.github.wandacuda.checkpoint.ExtraFiles;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.parallel.Workers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One run in its output directory, from whatever an interrupted one has left to the end. */
final class PruneRun {
  private static final Logger LOG = LoggerFactory.getLogger(PruneRun.class);
  private static final Pattern BLOCK = Pattern.compile("\\.(\\d{1,9})\\.");
  private static final String SPILL = AtomicWrite.OWN + ".masks";

  private final ModelDirectory model;
  private final PruneRequest request;
  private final PruningRules rules;
  private final List<LinearModule> chosen;
  private final SideFiles sideFiles;
  private final Workers workers;
  private final OutputDirectory output;
  private final PhaseClock clock;
  private final Progress progress;

  PruneRun(
      ModelDirectory model,
      PruneRequest request,
      PruningRules rules,
      List<LinearModule> chosen,
      SideFiles sideFiles,
      Workers workers,
      OutputDirectory output,
      PhaseClock clock,
      Progress progress) {
    this.model = model;
    this.request = request;
    this.rules = rules;
    this.chosen = chosen;
    this.sideFiles = sideFiles;
    this.workers = workers;
    this.output = output;
    this.clock = clock;
    this.progress = progress;
  }

  /**
   * Where the run begins.
   *
   * @param kept what an interrupted run has written
   * @param block the first block of a calibrated run
   */
  private record Start(KeptWork kept, int block) {
    static final Start FRESH = new Start(KeptWork.NONE, 0);
  }

  /** What was written. */
  private record Written(List<ModuleResult> results, String masks) {}

  PruneResult run(
      Backend backend, Fingerprint fingerprint, Provenance plan, Consumer<PruneResult> beforeEnd) {
    sideFiles
        .leftOut()
        .forEach(file -> LOG.warn("{} is left out: the output has no use for it", file));
    added().loaded().stream()
        .filter(file -> !isRuns(file))
        .findFirst()
        .ifPresent(
            file -> {
              throw OutputPlace.foreign(output.path().resolve(file));
            });
    Start start = start(fingerprint);
    Written written = write(backend, start);
    sideFiles.files().forEach(file -> output.copy(sideFiles, file));
    String masks = written.masks();
    if (request.verify() || masks == null) {
      masks = verify(plan.with(written.results(), masks), rules.after(written.results()));
    }
    requireNothingAdded();
    Provenance provenance = plan.with(written.results(), masks);
    beforeEnd.accept(new PruneResult(provenance, written.results(), clock.seconds()));
    StateFiles.remove(output);
    sideFiles.lastFiles().forEach(file -> output.copy(sideFiles, file));
    removeLeftovers();
    output.finish(provenance);
    return new PruneResult(provenance, written.results(), clock.seconds());
  }

  /** Returns what is in the output that isn't written by a run. */
  private ExtraFiles added() {
    return ExtraFiles.of(model.checkpoint(), sideFiles, output.path());
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
        .filter(PruneRun::isRuns)
        .map(output.path()::resolve)
        .filter(file -> !file.equals(output.journal().file()))
        .forEach(output::remove);
  }

  private Start start(Fingerprint fingerprint) {
    Journal journal = output.journal();
    if (output.interrupted().isEmpty()) {
      journal.restart(RunRecords.run(fingerprint));
      return Start.FRESH;
    }
    RunRecords records = output.interrupted().get();
    KeptWork kept =
        KeptWork.check(records, model.checkpoint(), chosen, isCalibrated(), output.path(), workers);
    if (!isCalibrated()) {
      return new Start(kept, 0);
    }
    Start start = lastWholeBlock(records, kept);
    journal.append(RunRecords.resumed(start.block()));
    return start;
  }

  private boolean isCalibrated() {
    return request.calibration() instanceof Calibration.FromSamples;
  }

  private Start lastWholeBlock(RunRecords records, KeptWork kept) {
    int blocks = DecoderFamilies.of(model.config()).shape(model.config()).blocks();
    long bytes = RunNeeds.stateBytes(model, request.calibration());
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
    return chosen.stream()
        .filter(module -> block(module) < states.block())
        .allMatch(module -> states.tensors().contains(module.tensor().name()));
  }

  private static int block(LinearModule module) {
    Matcher number = BLOCK.matcher(module.name());
    return number.find() ? Integer.parseInt(number.group(1)) : 0;
  }

  /** Writes all shards; the masks' digest is known only where all masks were made here. */
  private Written write(Backend backend, Start start) {
    boolean fresh = output.interrupted().isEmpty();
    Path spill = output.file(Path.of(SPILL));
    output.remove(spill);
    try (OutputShards shards =
            new OutputShards(model.checkpoint(), output, start.kept(), isCalibrated());
        MaskDigest masks = new MaskDigest(chosen.size(), spill)) {
      Set<TensorInfo> pruned =
          chosen.stream().map(LinearModule::tensor).collect(Collectors.toUnmodifiableSet());
      shards.copyUntouched(pruned, workers, clock);
      StateFiles states = new StateFiles(output, shards, hasRoomForStates(backend));
      List<ModuleResult> results = new ArrayList<>(kept(start.kept()));
      MaskSink sink = fresh ? masks : MaskSink.NONE;
      try (ModulePruner pruner =
          new ModulePruner(backend, workers, rules, chosen, shards, sink, clock)) {
        results.addAll(prune(backend, pruner, start, states));
      }
      shards.finish();
      results.sort(Comparator.comparing(result -> result.module().name(), TensorNames.ORDER));
      return new Written(results, fresh ? masks.hex() : null);
    }
  }

  /** Hidden states are a convenience: a run goes on without, but then can't be resumed half-way. */
  private boolean hasRoomForStates(Backend backend) {
    RunNeeds needs = RunNeeds.of(model, request, chosen, sideFiles, backend);
    long bytes = needs.writeBytes() + needs.temporaryBytes() - Room.taken(output.path());
    boolean room = Room.hasDisk(output.path(), bytes);
    if (!room && isCalibrated()) {
      LOG.warn(
          "{}: no room for {} bytes of hidden states beside the output: if the run is interrupted,"
              + " it begins at the first block again",
          output.path(),
          2 * needs.stateBytes());
    }
    return room;
  }

  /** Returns what came of the modules that are kept. */
  private List<ModuleResult> kept(KeptWork kept) {
    return kept.results(chosen).stream()
        .map(result -> result.norms() == null ? result.with(norms(result.module())) : result)
        .toList();
  }

  /** Returns a module's norms out of the statistics, or null if they come from elsewhere. */
  private float[] norms(LinearModule module) {
    return request.calibration() instanceof Calibration.FromStatistics statistics
        ? new NormLookup(statistics).of(module)
        : null;
  }

  private List<ModuleResult> prune(
      Backend backend, ModulePruner pruner, Start start, StateFiles states) {
    if (request.calibration() instanceof Calibration.FromSamples samples) {
      return new CalibratedPass(model, backend, samples, clock, progress)
          .run(chosen, pruner, start.block(), states);
    }
    Set<LinearModule> kept =
        start.kept().results(chosen).stream()
            .map(ModuleResult::module)
            .collect(Collectors.toUnmodifiableSet());
    List<ModuleRequest> requests =
        chosen.stream()
            .filter(module -> !kept.contains(module))
            .map(module -> new ModuleRequest(module, norms(module), null))
            .toList();
    return pruner.prune(requests, progress);
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
        new ShardVerifier(workers, rulesAfter, chosen, failures)
            .verify(model.checkpoint().shards(), output.path());
    if (found.isPresent() && failures.isEmpty()) {
      Provenance record =
          claimed.maskSha256() == null ? claimed.withMasks(found.get().maskSha256()) : claimed;
      new RecordCheck(output.path().resolve(Provenance.FILE_NAME), record, failures)
          .compare(chosen, found.get());
    }
    clock.addVerify(System.nanoTime() - start);
    if (!failures.isEmpty()) {
      throw new VerificationException(
          ErrorDetails.file(output.path())
              .said("the written output is wrong: " + failures.first()));
    }
    return found.orElseThrow().maskSha256();
  }
}
