package io.github.wandacuda.job;

import io.github.wandacuda.pruning.PhaseClock;
import java.io.Serializable;
import java.util.List;

/**
 * What became of a shard; small enough to travel.
 *
 * @param shard the shard's file name
 * @param node who wrote it, and on what device
 * @param tensors its tensors
 * @param written whether it was written, or an earlier run's was kept
 * @param check what the check found, or null without one
 * @param seconds where the time went
 */
record ShardResult(
    String shard,
    String node,
    List<RunRecords.Tensor> tensors,
    boolean written,
    Check check,
    PhaseClock.Seconds seconds)
    implements Serializable {

  /** Takes a list that travels. */
  public ShardResult {
    tensors = List.copyOf(tensors);
  }

  /**
   * What a check found in the written file.
   *
   * @param failure the first thing that is wrong, or null
   * @param found what is there if nothing is wrong
   */
  public record Check(String failure, OutputCheck.Found found) implements Serializable {}
}
