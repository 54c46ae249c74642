package io.github.wandacuda.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.checkpoint.SafetensorsFile;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.RunNeeds;
import io.github.wandacuda.job.output.WritableShards;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.Journal;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunRecords;
import io.github.wandacuda.model.LinearModule;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A model's own shards, pruned without a second copy of them. While a run is at work, and after it
 * was interrupted, the directory has a {@link Journal}; running the same again then ends what was
 * begun. {@code wanda-cuda.json} is written last.
 */
final class InPlaceTarget implements PruneTarget {
  private final RunScope scope;

  /**
   * Takes a model's shards.
   *
   * @throws OutputException if one can't be written, or is a link
   */
  InPlaceTarget(RunScope scope) {
    this.scope = scope;
    WritableShards.check(path(), written());
  }

  /**
   * Checks a request before modules are chosen.
   *
   * @throws UsageException if samples are to run through the model
   */
  static void check(PruneRequest request) {
    if (request.calibration() instanceof Calibration.FromSamples) {
      throw new UsageException(
          "`in-place` needs `statistics` or `method` magnitude: a calibrated run that was"
              + " interrupted could not be run again on a model that is pruned in part");
    }
  }

  /** Returns the shards that will be written to. */
  private List<SafetensorsFile> written() {
    return scope.chosen().stream().map(LinearModule::shard).distinct().toList();
  }

  @Override
  public Path path() {
    return scope.model().path();
  }

  @Override
  public boolean isFinished() {
    return false;
  }

  /** Nothing is written but the chosen modules' weights. */
  @Override
  public RunNeeds needs(Backend backend) {
    long pruned = scope.chosen().stream().mapToLong(module -> module.tensor().bytes()).sum();
    long masks = scope.chosen().stream().mapToLong(LinearModule::maskBytes).sum();
    long passes =
        1L + (scope.rules().needsThreshold() ? 2 : 0) + (scope.request().verify() ? 2 : 0);
    long tiles = 2L * backend.concurrency() * backend.tileBytes();
    return new RunNeeds(passes * pruned, pruned, masks, 0, tiles);
  }

  @Override
  public long diskBytes(RunNeeds needs) {
    return needs.maskBytes();
  }

  @Override
  public Run open(RunTools tools, Provenance plan) {
    Optional<Provenance> ended = endEarlier().filter(earlier -> isSame(plan, earlier));
    if (ended.isPresent()) {
      return new Ended(ended);
    }
    Journal journal = Journal.open(path());
    try {
      List<JsonNode> records =
          begin(journal, Fingerprint.of(plan).with(Map.of(Fingerprint.IN_PLACE, "yes")));
      return new InPlaceRun(scope, journal, records, tools, plan);
    } catch (RuntimeException | Error e) {
      journal.close();
      throw e;
    }
  }

  /** A run that had ended but for its last step. */
  private record Ended(Optional<Provenance> finished) implements Run {
    @Override
    public RunResult prune() {
      throw new IllegalStateException("the run has ended");
    }

    @Override
    public void end(RunResult result) {
      throw new IllegalStateException("the run has ended");
    }

    @Override
    public void settle(Throwable failure) {}

    @Override
    public void close() {}
  }

  /** Takes the last step of a run that was stopped before it; returns what it said of itself. */
  private Optional<Provenance> endEarlier() {
    if (!Journal.isIn(path())) {
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

  private static boolean isSame(Provenance plan, Provenance ended) {
    return Fingerprint.of(plan).differencesFrom(Fingerprint.of(ended)).isEmpty();
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
            ErrorDetails.file(path())
                .said(
                    "another run was interrupted here and has to be ended first; it differs in "
                        + String.join(", ", differences)));
      }
    }
    // What an earlier run said of the model no longer holds.
    OutputDirectory.removeFile(path().resolve(Provenance.FILE_NAME));
    return records;
  }
}
