package io.github.wandacuda.job.prune;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.output.OutputPlace;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.pruning.ModulePruner;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.ShardTarget;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** Where a run writes: a new directory, or the model's own shards. */
sealed interface PruneTarget permits OutputTarget, InPlaceTarget, PartTarget {
  RunScope scope();

  default Path path() {
    return scope().request().output();
  }

  /** Returns whether a run has finished there, so that nothing will be written. */
  default boolean isFinished() {
    return OutputPlace.isFinished(path());
  }

  RunNeeds needs(Backend backend);

  /** Returns how many free bytes the disk must have. */
  long diskBytes(RunNeeds needs);

  /** Returns how many bytes of memory this machine must have. */
  default long memoryBytes(RunNeeds needs) {
    return needs.memoryBytes();
  }

  /**
   * Locks the directory against other runs, and begins a run or resumes an interrupted one: prunes,
   * writes, verifies what was written, and completes the result. Returns the record alone of the
   * same run if it has finished before. What a failed run leaves is kept for one that resumes, or
   * deleted.
   */
  RunResult run(Tools tools);

  /**
   * What a run uses to do its work; the masks come in the order of the digest.
   *
   * @param plan the record of the run without its results
   * @param beforeEnd called right before the result is completed, if it is this run that does
   */
  record Tools(
      PruningRecord plan,
      Backend backend,
      Workers workers,
      PhaseClock clock,
      Progress progress,
      MaskSink masks,
      DirectIo io,
      Consumer<RunResult> beforeEnd) {
    /** Shards of the source between their first read and their check, about. */
    private static final int SHARDS_AT_WORK = 2;

    /** Returns what prunes a run's modules into shards. */
    ModulePruner pruner(RunScope scope, ShardTarget shards, MaskSink sink) {
      return new ModulePruner(backend, workers, scope.rules(), scope.chosen(), shards, sink, clock);
    }

    /**
     * Has the source read past the page cache, unless the check of the output reads it a second
     * time, soon after the first, and there is room for the shards that are at work until then.
     * Those leave the page cache when they are checked.
     */
    void readSource(RunScope scope) {
      List<SafetensorsFile> shards = scope.model().checkpoint().shards();
      long largest = shards.stream().mapToLong(SafetensorsFile::byteSize).max().orElse(0);
      if (!scope.request().verify() || !DirectIo.fitsInCache(SHARDS_AT_WORK * largest)) {
        shards.forEach(shard -> shard.bytes().readThrough(io));
      } else if (io.isDirect()) {
        shards.forEach(shard -> shard.bytes().readThroughCache());
      }
    }
  }
}
