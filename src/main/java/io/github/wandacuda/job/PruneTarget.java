package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.Optional;

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

  /** Locks the directory against other runs, and begins a run or resumes an interrupted one. */
  Run open(Tools tools, Provenance plan);

  /** A run in its directory. Closing it keeps the files, so that another run can resume. */
  interface Run extends AutoCloseable {
    /** Returns the record of the same run if it has finished before; then nothing is to be done. */
    default Optional<Provenance> finished() {
      return Optional.empty();
    }

    /** Prunes, writes, and verifies what was written. */
    RunResult prune();

    /** Returns how far the other parts are, if the run is a part; null if it is whole. */
    default Part.PartState part() {
      return null;
    }

    /** Returns whether it is this run that completes the result. */
    default boolean completes() {
      return true;
    }

    void end(RunResult result);

    /** Keeps or deletes the files of a failed run, and says how to resume. */
    void settle(Throwable failure);

    @Override
    void close();
  }

  /** A run of which nothing is left to do. */
  record Ended(Optional<Provenance> finished, Part.PartState part) implements Run {
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

  /** What a run uses to do its work; the masks come in the order of the digest. */
  record Tools(
      Backend backend,
      Workers workers,
      PhaseClock clock,
      Progress progress,
      MaskSink masks,
      DirectIo io) {}
}
