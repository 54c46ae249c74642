package io.github.wandacuda.job.output;

import java.io.Serializable;
import java.util.List;

/**
 * What a process has found in a part of a shard.
 *
 * @param index the part's place
 * @param node who checked it
 * @param failures what is wrong
 * @param found what is there, or null if a module is missing
 */
record VerifiedPart(int index, String node, Failures.Part failures, Found found)
    implements Serializable {

  /**
   * What is there.
   *
   * @param masks the packed masks of the part's modules; none if nobody asks for them
   * @param pruned number of weights that the masks prune
   * @param zeros number of weights of the modules that are zero
   * @param prunedModules names of the modules of which the masks prune at least one weight
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
  record Found(byte[][] masks, long pruned, long zeros, List<String> prunedModules)
      implements Serializable {
    /** Takes a list that travels. */
    Found {
      prunedModules = List.copyOf(prunedModules);
    }
  }
}
