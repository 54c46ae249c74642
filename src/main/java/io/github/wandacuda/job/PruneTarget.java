package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.job.output.RunNeeds;
import io.github.wandacuda.job.record.Provenance;
import java.nio.file.Path;
import java.util.Optional;

/** Where a run puts what it prunes: a new directory, or the model's own shards. */
sealed interface PruneTarget permits OutputTarget, InPlaceTarget {
  /** Returns the directory that becomes the pruned model. */
  Path path();

  /** Returns whether a run has ended there, so that nothing is going to be written. */
  boolean isFinished();

  /** Returns what a run takes. */
  RunNeeds needs(Backend backend);

  /** Returns how much room a run has to find on the disk. */
  long diskBytes(RunNeeds needs);

  /**
   * Locks other runs out and begins, or goes on with what an interrupted run has left.
   *
   * @param plan what the run will say of itself, as far as that is known
   * @throws io.github.wandacuda.error.UsageException if what is there belongs to another run, or
   *     another one is at work in it
   * @throws io.github.wandacuda.error.OutputException if nothing can be written
   */
  Run open(RunTools tools, Provenance plan);

  /** A run in its place. Closing it keeps what is there for the next one to go on with. */
  interface Run extends AutoCloseable {
    /** Returns what the same run said of itself if it has ended before; then nothing is to do. */
    Optional<Provenance> finished();

    /** Prunes, writes, and checks what was written. */
    RunResult prune();

    /** Declares the result finished. */
    void end(RunResult result);

    /**
     * Decides what becomes of what a failed run has left, and says how to go on.
     *
     * @throws io.github.wandacuda.error.WandaException what is behind the failure, if it doesn't
     *     stand for itself
     */
    void settle(Throwable failure);

    @Override
    void close();
  }
}
