package io.github.wandacuda.pruning;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.AtomicWrite;
import io.github.wandacuda.checkpoint.FileModes;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.RealCause;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.parallel.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Prunes a model's own shards, without a second copy of them. While it is at work, and after it was
 * interrupted, the directory has a {@link Journal}; running the same again then ends what was
 * begun. {@code wanda-cuda.json} is written last.
 */
public final class InPlaceJob implements PruningJob {
  private static final Logger LOG = LoggerFactory.getLogger(InPlaceJob.class);

  private static final String SPILL = AtomicWrite.OWN + ".masks";

  private final ModelDirectory model;
  private final PruneRequest request;
  private final PruningRules rules;
  private final List<LinearModule> chosen;

  /**
   * Checks all that can be checked before something is written.
   *
   * @param request whose output is the model's directory; {@code resume} means nothing here
   * @throws UsageException if a pattern matches nothing, or samples are to run through the model: a
   *     block that was pruned already gives other norms
   * @throws io.github.wandacuda.error.InputException if a module can't be pruned as asked or has no
   *     norms
   * @throws OutputException if a shard can't be written, or is a link
   */
  public InPlaceJob(ModelDirectory model, PruneRequest request) {
    this.model = model;
    this.request = request;
    if (request.calibration() instanceof Calibration.FromSamples) {
      throw new UsageException(
          "`in-place` needs `statistics` or `method` magnitude: a calibrated run that was"
              + " interrupted could not be run again on a model that is pruned in part");
    }
    rules = request.rules();
    chosen = model.choose(request.choice());
    chosen.forEach(rules::check);
    if (request.calibration() instanceof Calibration.FromStatistics statistics) {
      new NormLookup(statistics).check(chosen, request.unreached());
    }
    WritableShards.check(model.path(), written());
  }

  @Override
  public List<LinearModule> chosen() {
    return chosen;
  }

  /** Returns what a run takes: nothing is written but the chosen modules' weights. */
  @Override
  public RunNeeds needs(Backend backend) {
    long pruned = chosen.stream().mapToLong(module -> module.tensor().bytes()).sum();
    long masks = chosen.stream().mapToLong(LinearModule::maskBytes).sum();
    long passes = 1L + (rules.needsThreshold() ? 2 : 0) + (request.verify() ? 2 : 0);
    long tiles = 2L * backend.concurrency() * backend.tileBytes();
    return new RunNeeds(passes * pruned, pruned, masks, 0, tiles);
  }

  @Override
  public TimeEstimate estimate(Backend backend) {
    return new RunEstimate(model, request, backend).of(chosen, needs(backend));
  }

  @Override
  public void requireRoom(Backend backend) {
    RunNeeds needs = needs(backend);
    Room.requireDisk(model.path(), needs.maskBytes());
    Room.requireMemory(needs.memoryBytes());
  }

  /** Returns the shards that will be written to. */
  private List<SafetensorsFile> written() {
    return chosen.stream().map(LinearModule::shard).distinct().toList();
  }

  @Override
  public PruneResult run(
      Backend backend, String version, Progress progress, Consumer<PruneResult> beforeEnd) {
    requireRoom(backend);
    Provenance plan = Provenance.planned(request, chosen, SourceDigest.of(model), version);
    Optional<Provenance> ended = endEarlier();
    if (ended.isPresent() && isSame(plan, ended.get())) {
      return new PruneResult(ended.get(), List.of(), new PhaseClock(1).seconds());
    }
    try (Workers workers = new Workers(backend.concurrency());
        Journal journal = Journal.open(model.path())) {
      List<JsonNode> records =
          begin(journal, Fingerprint.of(plan).with(Map.of(Fingerprint.IN_PLACE, "yes")));
      try {
        PruneResult result = prune(backend, workers, journal, records, plan, progress);
        beforeEnd.accept(result);
        journal.becomes(
            result.provenance().json(),
            model.path().resolve(Provenance.FILE_NAME),
            FileModes.like(model.path().resolve(SideFiles.CONFIG)));
        return result;
      } catch (RuntimeException | Error e) {
        settle(e);
        throw e;
      }
    }
  }

  /** Takes the last step of a run that was stopped before it; returns what it said of itself. */
  private Optional<Provenance> endEarlier() {
    if (!Journal.isIn(model.path())) {
      return Optional.empty();
    }
    try (Journal journal = Journal.open(model.path())) {
      Optional<Provenance> finished = journal.finished();
      if (finished.isPresent()) {
        journal.rename(model.path().resolve(Provenance.FILE_NAME));
      }
      return finished;
    }
  }

  private static boolean isSame(Provenance plan, Provenance ended) {
    return Fingerprint.of(plan).differencesFrom(Fingerprint.of(ended)).isEmpty();
  }

  private PruneResult prune(
      Backend backend,
      Workers workers,
      Journal journal,
      List<JsonNode> records,
      Provenance plan,
      Progress progress) {
    PhaseClock clock = new PhaseClock(workers.count());
    TileMemory memory = TileMemory.of(backend);
    try (InPlaceShards shards =
            new InPlaceShards(model.checkpoint(), tensors(), journal, records, memory);
        MaskDigest masks = new MaskDigest(chosen.size(), spill())) {
      List<ModuleResult> results;
      try (ModulePruner pruner =
          new ModulePruner(backend, workers, rules, chosen, shards, masks, clock)) {
        results = pruner.prune(requests(), progress);
      }
      shards.finish();
      if (request.verify()) {
        long start = System.nanoTime();
        new InPlaceCheck(workers, rules.after(results)).check(results, shards::checksum);
        clock.addVerify(System.nanoTime() - start);
      }
      return new PruneResult(plan.with(results, masks.hex()), results, clock.seconds());
    }
  }

  private Set<TensorInfo> tensors() {
    return chosen.stream().map(LinearModule::tensor).collect(Collectors.toUnmodifiableSet());
  }

  private List<ModuleRequest> requests() {
    if (request.calibration() instanceof Calibration.FromStatistics statistics) {
      NormLookup norms = new NormLookup(statistics);
      return chosen.stream()
          .map(module -> new ModuleRequest(module, norms.of(module), null))
          .toList();
    }
    return chosen.stream().map(module -> new ModuleRequest(module, null, null)).toList();
  }

  private Path spill() {
    Path spill = model.path().resolve(SPILL);
    delete(spill);
    return spill;
  }

  /** Returns what an interrupted run has left, which has to be the same. */
  private List<JsonNode> begin(Journal journal, Fingerprint fingerprint) {
    List<JsonNode> records = journal.records();
    if (records.isEmpty()) {
      journal.restart(RunRecords.run(fingerprint));
    } else {
      Fingerprint there = Fingerprint.of(records.get(0).path("run"));
      List<String> differences = fingerprint.differencesFrom(there);
      if (!differences.isEmpty()) {
        throw new UsageException(
            ErrorDetails.file(model.path())
                .said(
                    "another run was interrupted here and has to be ended first; it differs in "
                        + String.join(", ", differences)));
      }
    }
    // What an earlier run said of the model no longer holds.
    delete(model.path().resolve(Provenance.FILE_NAME));
    return records;
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /** Says how to go on after a failure. */
  private void settle(Throwable e) {
    if (RealCause.behind(e).orElse(null) instanceof CancelledException) {
      throw new CancelledException(
          "cancelled; %s is pruned in part: run the same again to end it".formatted(model.path()),
          e);
    }
    LOG.warn("{}: may be pruned in part: run the same again to end it", model.path());
    RealCause.throwIfBehind(e);
  }
}
