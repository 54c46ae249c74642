package io.github.wandacuda.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.RealCause;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A model's own shards, which are pruned without a second copy of them. During a run, and after an
 * interruption, the directory has a {@link Journal}; running the same command again then completes
 * the run. {@code wanda-cuda.json} is written last.
 */
record InPlaceTarget(RunScope scope) implements PruneTarget {
  private static final Logger LOG = LoggerFactory.getLogger(InPlaceTarget.class);
  private static final String SPILL = AtomicWrite.OWN + ".masks";

  private static final String COPY = "copy the model, or name an `output`";

  InPlaceTarget {
    requireWritable(
        scope.model().path(), scope.chosen().stream().map(LinearModule::shard).distinct().toList());
  }

  /** Checks a request before modules are chosen. */
  static void check(PruneRequest request) {
    if (!request.rules().areByTiles()) {
      throw new UsageException(
          "`in-place` prunes by wanda or magnitude alone: what another method has begun can't be"
              + " told from what it has left, so an interrupted run could not be ended");
    }
    if (request.calibration() instanceof Calibration.FromSamples) {
      throw new UsageException(
          "`in-place` needs `statistics` or `method` magnitude: a calibrated run that was"
              + " interrupted could not be run again on a model that is pruned in part");
    }
  }

  @Override
  public Path path() {
    return scope.model().path();
  }

  @Override
  public boolean isFinished() {
    return false;
  }

  /** Counts the chosen modules alone, since nothing else is written. */
  @Override
  public RunNeeds needs(Backend backend) {
    long pruned = scope.chosen().stream().mapToLong(module -> module.tensor().bytes()).sum();
    long masks = scope.chosen().stream().mapToLong(LinearModule::maskBytes).sum();
    int checks = scope.request().verify() ? 2 : 0;
    long read =
        scope.chosen().stream()
            .mapToLong(
                module ->
                    (SourceReads.times(scope.rules().of(module)) + checks)
                        * module.tensor().bytes())
            .sum();
    long tiles = 2L * backend.concurrency() * backend.tileBytes();
    return new RunNeeds(read, pruned, 0, masks, 0, 0, tiles, 0);
  }

  @Override
  public long diskBytes(RunNeeds needs) {
    return needs.maskBytes();
  }

  @Override
  public Run open(PruneTarget.Tools tools, Provenance plan) {
    Optional<Provenance> ended =
        endEarlier()
            .filter(
                earlier -> Fingerprint.of(plan).differencesFrom(Fingerprint.of(earlier)).isEmpty());
    if (ended.isPresent()) {
      return new Ended(ended, null);
    }
    Journal journal = Journal.open(path());
    Fingerprint fingerprint = Fingerprint.of(plan).with(Map.of(Fingerprint.IN_PLACE, "yes"));
    return OnFailure.close(
        journal::close, () -> new InPlaceRun(journal, begin(journal, fingerprint), tools, plan));
  }

  /** Does the last step of a run that was stopped before it, and returns its record. */
  private Optional<Provenance> endEarlier() {
    if (!UnfinishedRun.isIn(path())) {
      return Optional.empty();
    }
    try (Journal journal = Journal.open(path())) {
      Optional<Provenance> finished = journal.finished();
      if (finished.isPresent()) {
        journal.rename(path().resolve(Provenance.FILE_NAME));
      }
      return finished;
    }
  }

  /** Returns the records of an interrupted run, which must be the same run. */
  private List<JsonNode> begin(Journal journal, Fingerprint fingerprint) {
    List<JsonNode> records = journal.records();
    if (records.isEmpty()) {
      journal.restart(RunRecords.run(fingerprint));
    } else {
      Fingerprint there = Fingerprint.of(records.get(0).path("run"));
      List<String> differences = fingerprint.differencesFrom(there);
      if (!differences.isEmpty()) {
        throw ErrorDetails.file(path())
            .refused(
                "another run was interrupted here and has to be ended first; it differs in "
                    + String.join(", ", differences));
      }
    }
    // The record of an earlier run no longer describes the model.
    OutputDirectory.removeFile(path().resolve(Provenance.FILE_NAME));
    return records;
  }

  /**
   * Checks that nothing is a link, as in a Hugging Face cache, where other models may share the
   * file, or has a second name.
   */
  private static void requireWritable(Path directory, List<SafetensorsFile> shards) {
    if (!Files.isWritable(directory)) {
      throw ErrorDetails.file(directory).unwritable("to write it", "no right");
    }
    for (SafetensorsFile shard : shards) {
      requireOwn(shard.path());
    }
  }

  private static void requireOwn(Path shard) {
    if (Files.isSymbolicLink(shard)) {
      throw ErrorDetails.file(shard)
          .hint(COPY)
          .unwritable(
              "a file of the model's own",
              "a link to %s: what others may use too is never written to"
                  .formatted(Printable.of(target(shard))));
    }
    if (!Files.isWritable(shard)) {
      throw ErrorDetails.file(shard).unwritable("to write it", "no right");
    }
    int names = FileIdentity.names(shard);
    if (names > 1) {
      throw ErrorDetails.file(shard)
          .hint(COPY)
          .unwritable(
              "a file of the model's own",
              "one with %d names (hard links): the others would change too".formatted(names));
    }
  }

  private static Path target(Path link) {
    try {
      return Files.readSymbolicLink(link);
    } catch (IOException e) {
      return link;
    }
  }

  private final class InPlaceRun implements Run {
    private final Journal journal;
    private final List<JsonNode> records;
    private final PruneTarget.Tools tools;
    private final Provenance plan;

    /** Takes over the journal, which it closes. */
    InPlaceRun(Journal journal, List<JsonNode> records, PruneTarget.Tools tools, Provenance plan) {
      this.journal = journal;
      this.records = records;
      this.tools = tools;
      this.plan = plan;
    }

    @Override
    public RunResult prune() {
      PhaseClock clock = tools.clock();
      try (InPlaceShards shards =
              new InPlaceShards(
                  scope.model().checkpoint(),
                  scope.tensors(),
                  journal,
                  records,
                  TileBuffers.of(tools.backend()),
                  tools.io());
          MaskDigest masks = new MaskDigest(scope.chosen().size(), spill())) {
        List<ModuleResult> results;
        try (ModulePruner pruner =
            new ModulePruner(
                tools.backend(),
                tools.workers(),
                scope.rules(),
                scope.chosen(),
                shards,
                masks.and(tools.masks()),
                clock)) {
          List<ModuleRequest> requests = scope.chosen().stream().map(scope::moduleRequest).toList();
          results = pruner.prune(requests, tools.progress());
        }
        shards.finish();
        if (scope.request().verify()) {
          long start = System.nanoTime();
          scope
              .model()
              .checkpoint()
              .shards()
              .forEach(shard -> shard.bytes().readFromDevice(tools.io()));
          shards.check(results, scope.rules().after(results), tools.workers());
          clock.addVerify(System.nanoTime() - start);
        }
        return new RunResult(plan.with(results, masks.hex()), results, clock.seconds());
      }
    }

    private Path spill() {
      Path spill = path().resolve(SPILL);
      OutputDirectory.removeFile(spill);
      return spill;
    }

    @Override
    public void end(RunResult result) {
      journal.becomes(
          result.provenance().json(),
          path().resolve(Provenance.FILE_NAME),
          () -> {},
          FileModes.like(path().resolve(SideFiles.CONFIG)));
    }

    @Override
    public void settle(Throwable failure) {
      Path directory = path();
      if (RealCause.behind(failure).orElse(null) instanceof CancelledException) {
        throw new CancelledException(
            "cancelled; %s is pruned in part: run the same again to end it".formatted(directory),
            failure);
      }
      LOG.warn("{}: may be pruned in part: run the same again to end it", directory);
      RealCause.throwIfBehind(failure);
    }

    @Override
    public void close() {
      journal.close();
    }
  }
}
