package io.github.wandacuda.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.TileMemory;
import io.github.wandacuda.system.RealCause;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A run on a model's own shards, begun or resumed. */
final class InPlaceRun implements PruneTarget.Run {
  private static final Logger LOG = LoggerFactory.getLogger(InPlaceRun.class);
  private static final String SPILL = AtomicWrite.OWN + ".masks";

  private final RunScope scope;
  private final Journal journal;
  private final List<JsonNode> records;
  private final PruneTarget.Tools tools;
  private final Provenance plan;

  /**
   * Takes over the journal, which it closes.
   *
   * @param records the journal's records of an interrupted run
   */
  InPlaceRun(
      RunScope scope,
      Journal journal,
      List<JsonNode> records,
      PruneTarget.Tools tools,
      Provenance plan) {
    this.scope = scope;
    this.journal = journal;
    this.records = records;
    this.tools = tools;
    this.plan = plan;
  }

  @Override
  public Optional<Provenance> finished() {
    return Optional.empty();
  }

  @Override
  public RunResult prune() {
    PhaseClock clock = tools.clock();
    TileMemory memory = TileMemory.of(tools.backend());
    try (InPlaceShards shards =
            new InPlaceShards(
                scope.model().checkpoint(), scope.tensors(), journal, records, memory, tools.io());
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
        scope.model().checkpoint().shards().forEach(shard -> shard.readFromDevice(tools.io()));
        shards.check(results, scope.rules().after(results), tools.workers());
        clock.addVerify(System.nanoTime() - start);
      }
      return new RunResult(plan.with(results, masks.hex()), results, clock.seconds());
    }
  }

  private Path spill() {
    Path spill = scope.model().path().resolve(SPILL);
    OutputDirectory.removeFile(spill);
    return spill;
  }

  @Override
  public void end(RunResult result) {
    Path directory = scope.model().path();
    journal.becomes(
        result.provenance().json(),
        directory.resolve(Provenance.FILE_NAME),
        FileModes.like(directory.resolve(SideFiles.CONFIG)));
  }

  @Override
  public void settle(Throwable failure) {
    Path directory = scope.model().path();
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
