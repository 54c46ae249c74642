package io.github.wandacuda.job.prune;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.output.MaskDigest;
import io.github.wandacuda.job.output.MaskDigest.ModuleDigests;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.job.verify.Failures;
import io.github.wandacuda.job.verify.OutputCheck;
import io.github.wandacuda.job.verify.OutputCheck.Found;
import io.github.wandacuda.job.verify.PruningRecordCheck;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModulePruner;
import io.github.wandacuda.pruning.ModuleRequest;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.system.BackgroundWork;
import io.github.wandacuda.system.SpaceCheck;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes a run's shards in this process, and checks them.
 *
 * @param scope of the run
 * @param needs that were checked before
 * @param output the unfinished directory
 * @param tools do the work
 */
record LocalPass(RunScope scope, RunNeeds needs, OutputDirectory output, PruneTarget.Tools tools) {
  private static final Logger LOG = LoggerFactory.getLogger(LocalPass.class);
  private static final Path SPILL = Path.of(MaskDigest.SPILL);

  /**
   * Writes all shards. They are checked if that is wanted, or if the masks' digest has to come from
   * the check.
   */
  DirectoryTarget.Written run() {
    ResumableWork start = ResumableWork.of(scope, output, tools.workers());
    if (output.interrupted().isPresent()) {
      DirectoryTarget.Written written = write(start, MaskSink.NONE, (shard, results) -> {});
      return new DirectoryTarget.Written(written.results(), verify(written.results()));
    }
    if (!scope.request().verify()) {
      return write(start, MaskSink.NONE, (shard, results) -> {});
    }
    OutputCheck check = check(scope.rules());
    try (FinishedShards checks = new FinishedShards(check)) {
      DirectoryTarget.Written written = write(start, checks.masks(), checks::add);
      long began = System.nanoTime();
      checks
          .finish(tools.workers(), tools.progress())
          .ifPresent(found -> compare(written.results(), written.masks(), found, check.failures()));
      end(began, check.failures());
      return written;
    }
  }

  private OutputCheck check(PruningRules rules) {
    return new OutputCheck(
        output.path(),
        false,
        pruned -> pruned.bytes().readFromDevice(tools.io()),
        rules,
        new Failures());
  }

  /**
   * Writes all shards.
   *
   * @param start what an interrupted run has left
   * @param checked takes the masks that are chosen
   * @param published called with each shard that has its name, and its results
   * @return without a digest of the masks after a resumed run, which hasn't all masks
   */
  private DirectoryTarget.Written write(
      ResumableWork start,
      MaskSink checked,
      BiConsumer<SafetensorsFile, List<ModuleResult>> published) {
    boolean fresh = output.interrupted().isEmpty();
    try (PrunedShards shards =
            new PrunedShards(
                scope.model().checkpoint(),
                output,
                start,
                scope.isCalibrated(),
                tools.io(),
                published);
        MaskDigest masks = new MaskDigest(scope.chosen().size(), output.file(SPILL))) {
      shards.copyUntouched(RunScope.tensors(scope.chosen()), tools.workers(), tools.clock());
      Duration every = hasRoomForStates() ? scope.request().storage().saveEvery() : null;
      StateFiles.SaveTimes times = new StateFiles.SaveTimes(every, start.block(), System::nanoTime);
      StateFiles states = new StateFiles(output, shards, times, tools.clock());
      List<ModuleResult> results = start.results(scope);
      MaskSink sink = fresh ? masks.and(tools.masks()).and(checked) : MaskSink.NONE;
      try (ModulePruner pruner = tools.pruner(scope, shards, sink)) {
        results.addAll(prune(pruner, start, states));
      }
      shards.finish();
      results.sort(Comparator.comparing(result -> result.module().name(), TensorNames.ORDER));
      return new DirectoryTarget.Written(results, fresh ? masks.hex() : null);
    }
  }

  /**
   * Returns whether the disk has room for hidden states. A run works without saving them, but can
   * then only be resumed from the first block.
   */
  private boolean hasRoomForStates() {
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

  private List<ModuleResult> prune(ModulePruner pruner, ResumableWork start, StateFiles states) {
    if (scope.isCalibrated()) {
      int first = start.block();
      return new BlockPass(
              scope.model(),
              tools.backend(),
              pruner,
              scope.chosen(),
              scope.rules().needMoments(),
              scope.request().masks(),
              tools.clock(),
              tools.progress())
          .run(
              scope.request().calibration(),
              first,
              first == 0 ? null : all -> states.load(first, all),
              states);
    }
    List<ModuleRequest> requests =
        scope.chosen().stream()
            .filter(module -> !start.written().contains(module.tensor()))
            .map(scope::moduleRequest)
            .toList();
    return pruner.prune(requests, scope.moments(), tools.progress());
  }

  /**
   * Checks what a resumed run has written.
   *
   * @return the masks' digest
   */
  private String verify(List<ModuleResult> results) {
    long start = System.nanoTime();
    OutputCheck check = check(scope.rules().after(results));
    try (MaskDigest masks = new MaskDigest(scope.chosen().size(), output.file(SPILL))) {
      Optional<Found> found =
          check.check(
              scope.model().checkpoint().shards(),
              scope.chosen(),
              tensor -> true,
              masks.and(tools.masks()),
              tools.workers(),
              tools.progress());
      String sha256 = masks.hex();
      found.ifPresent(shards -> compare(results, sha256, shards, check.failures()));
      end(start, check.failures());
      return sha256;
    }
  }

  private void compare(List<ModuleResult> results, String masks, Found found, Failures failures) {
    if (failures.isEmpty()) {
      PruningRecord record = tools.plan().with(results, masks);
      new PruningRecordCheck(output.path().resolve(Provenance.FILE_NAME), record, failures)
          .compare(scope.chosen(), masks, found);
    }
  }

  private void end(long start, Failures failures) {
    tools.clock().addVerify(System.nanoTime() - start);
    failures.require(output.path());
  }

  /**
   * Checks shards on a thread of its own as soon as they are finished, while others are written.
   * All workers check those that are left at the end.
   */
  private final class FinishedShards implements AutoCloseable {
    private final OutputCheck check;
    private final List<LinearModule> chosen = scope.chosen();
    private final Map<LinearModule, Integer> places = new HashMap<>();
    private final ModuleDigests written;
    private final ModuleDigests readBack;
    private final BlockingQueue<Finished> waiting = new LinkedBlockingQueue<>();
    private final BackgroundWork background = new BackgroundWork("wanda-cuda-verify");

    /** Nothing once a module is missing. */
    private Optional<Found> found = Optional.of(Found.NOTHING);

    private record Finished(SafetensorsFile dense, List<ModuleResult> results) {}

    public FinishedShards(OutputCheck check) {
      this.check = check;
      chosen.forEach(module -> places.put(module, places.size()));
      written = new ModuleDigests(chosen.size());
      readBack = new ModuleDigests(chosen.size());
    }

    public MaskSink masks() {
      return written;
    }

    /**
     * Takes a shard that has its name and is on the device.
     *
     * @param dense the source's shard
     * @param results of its modules
     */
    public void add(SafetensorsFile dense, List<ModuleResult> results) {
      waiting.add(new Finished(dense, results));
      background.submit(
          () -> {
            try (Workers alone = new Workers(1)) {
              check(take(1), alone, (what, done, total, share) -> requireWanted());
            }
          });
    }

    private void requireWanted() {
      if (background.isEnding()) {
        throw new CancelledException();
      }
    }

    /** Returns shards that nobody checks yet, at most so many. */
    private List<Finished> take(int most) {
      List<Finished> taken = new ArrayList<>();
      waiting.drainTo(taken, most);
      return taken;
    }

    /**
     * Checks the shards that are left.
     *
     * @return nothing if a module is missing, which is among the failures
     */
    public Optional<Found> finish(Workers workers, Progress progress) {
      check(take(Integer.MAX_VALUE), workers, progress);
      background.await();
      CancelledException.throwIfInterrupted();
      synchronized (this) {
        if (found.isPresent()) {
          compareMasks();
        }
        return found;
      }
    }

    private void compareMasks() {
      int other = written.mismatch(readBack);
      if (other >= 0) {
        LinearModule module = chosen.get(other);
        check
            .failures()
            .add(
                ErrorDetails.tensor(
                        check.directory().resolve(module.shard().path().getFileName()),
                        module.tensor().name())
                    .expected("the mask that was chosen", "another"));
      }
    }

    private void check(List<Finished> shards, Workers workers, Progress progress) {
      if (shards.isEmpty()) {
        return;
      }
      List<SafetensorsFile> dense = shards.stream().map(Finished::dense).toList();
      List<ModuleResult> results = shards.stream().flatMap(s -> s.results().stream()).toList();
      List<LinearModule> modules =
          chosen.stream().filter(module -> dense.contains(module.shard())).toList();
      Optional<Found> part =
          check
              .after(results)
              .check(
                  dense,
                  modules,
                  tensor -> true,
                  (index, mask) -> readBack.add(places.get(modules.get(index)), mask),
                  workers,
                  progress);
      dense.forEach(shard -> shard.bytes().dropAdded());
      synchronized (this) {
        found = found.flatMap(all -> part.map(all::plus));
      }
    }

    /** Stops, even if shards are left to check. */
    @Override
    public void close() {
      take(Integer.MAX_VALUE);
      background.close();
    }
  }
}
