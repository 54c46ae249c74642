package io.github.wandacuda.job.cluster;

import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.output.ModuleFiles;
import io.github.wandacuda.job.output.UnfinishedRun;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RulesRecord;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.Set;
import java.util.UUID;

/**
 * All that a process on another machine has to know of a run to do a part of it. The descriptions
 * of two different runs are different.
 *
 * @param source the model, where all machines have it
 * @param output the path of the output's directory, where all machines have it
 * @param statistics the file of norms, or null; only second moments are read from it
 * @param byMoments whether modules are pruned by second moments of samples, and are in {@link
 *     ModuleFiles} before shards are written
 * @param plan the record of the run without its results, as {@code wanda-cuda.json} has it
 * @param verify whether what is written is checked
 * @param devices what the process opens
 */
public record RunDescription(
    OnCluster.SharedSource source,
    String output,
    String statistics,
    boolean byMoments,
    Provenance plan,
    boolean verify,
    OnCluster.Devices devices)
    implements Serializable {
  public static RunDescription of(
      RunScope scope, Provenance plan, boolean verify, OnCluster.Devices devices) {
    return new RunDescription(
        OnCluster.SharedSource.of(scope.model(), plan.sourceSha256()),
        scope.request().output().toAbsolutePath().toString(),
        scope.moments().map(file -> file.toAbsolutePath().toString()).orElse(null),
        scope.isCalibrated() && scope.rules().needMoments(),
        plan,
        verify,
        devices);
  }

  /**
   * Checks that a process sees the output directory that the run has begun.
   *
   * @param node the process, for the message
   * @throws io.github.wandacuda.error.OutputException if it doesn't
   */
  public void requireShared(String node) {
    Path directory = Path.of(output);
    if (!UnfinishedRun.isIn(directory)) {
      throw ErrorDetails.file(directory)
          .unwritable("a directory that all machines share", "none at " + node);
    }
  }

  /**
   * Ends an attempt whose result nobody waits for: it was cancelled, or this process was given up
   * and the run has finished without it. What it would write then would appear in a finished model.
   *
   * @throws io.github.wandacuda.error.CancelledException if that is so
   */
  public void requireWanted(ClusterNode node) {
    node.throwIfCancelled();
    if (!UnfinishedRun.isIn(Path.of(output))) {
      throw new CancelledException();
    }
  }

  /** Returns a path in the output directory that no other attempt at any task uses. */
  public Path temporary() {
    return AtomicWrite.temporary(Path.of(output).resolve(UUID.randomUUID().toString()));
  }

  public PruningRules rules() {
    PruningRecord record = plan.ofPruning();
    Unreached unreached =
        record.unreached() == null ? Unreached.MAGNITUDE : Unreached.of(record.unreached());
    return new RulesRecord(record.values()).rules(unreached, Set.of());
  }
}
