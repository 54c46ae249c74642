package io.github.wandacuda.job.prune;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.output.OutputPrecheck;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.pruning.ModulePruner;
import io.github.wandacuda.pruning.ModuleSink;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/**
 * The place to which a run writes: a new directory, a file in GGUF, the model's own shards, or a
 * part of an output.
 */
sealed interface PruneTarget permits DirectoryTarget, GgufTarget, InPlaceTarget, PartTarget {
  RunScope scope();

  default Path path() {
    return scope().request().output();
  }

  /** Returns whether a run has finished there, so that nothing will be written. */
  default boolean isFinished() {
    return OutputPrecheck.isFinished(path());
  }

  /** Estimates the disk and memory that the run needs. */
  RunNeeds needs(Backend backend);

  /** Returns how many bytes the disk must have free. */
  long diskBytes(RunNeeds needs);

  /** Returns how many bytes of memory this machine must have available. */
  default long memoryBytes(RunNeeds needs) {
    return needs.memoryBytes();
  }

  /**
   * Locks the directory against other runs, and begins a run or resumes an interrupted one: prunes,
   * writes, verifies what was written, and completes the result. What a failed run leaves is kept
   * for another that resumes it, or deleted.
   *
   * @return the result; with the record alone if the same run has finished before
   * @throws io.github.wandacuda.error.UsageException if the directory belongs to another run
   * @throws io.github.wandacuda.error.InputException if the input is broken
   * @throws io.github.wandacuda.error.VerificationException if what was written is wrong
   */
  RunResult run(Tools tools);

  /**
   * What a run does its work with.
   *
   * @param plan the record of the run without its results
   * @param backend prunes and runs samples; stays the caller's
   * @param workers read, write and check
   * @param clock takes the time of each phase
   * @param progress is told of the work
   * @param masks receives the masks in the order of the digest
   * @param io how files are read and written
   * @param beforeEnd called right before the result is completed, if it is this run that completes
   *     it
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
    /** About so many shards of the source are between their first read and their check. */
    private static final int SHARDS_AT_WORK = 2;

    /**
     * Returns the pruner of a run's modules.
     *
     * @param shards take the pruned weights
     * @param sink takes the masks
     */
    ModulePruner pruner(RunScope scope, ModuleSink shards, MaskSink sink) {
      return new ModulePruner(backend, workers, scope.rules(), scope.chosen(), shards, sink, clock);
    }

    /**
     * Makes the source be read past the page cache, unless the check of the output reads it again
     * soon after the first time, and there is room for the shards until then. Those leave the page
     * cache when they are checked.
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
