/**
 * A run from the request to the result: pruning in a new directory or in place, merging, packing,
 * comparing. The output is written shard by shard, in this process, in several that share a
 * directory, or on a cluster. What a run records about itself is here too: the journal while it is
 * unfinished, {@code wanda-cuda.json} at the end, the digest of the masks; and the proof that an
 * output is its source with weights zeroed and nothing else changed.
 */
package io.github.wandacuda.job;
