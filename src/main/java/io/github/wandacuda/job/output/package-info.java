/**
 * The output of a run, shard by shard: in a new directory or the model's own, in this process, in
 * several that share a directory, or on a cluster; the space that it needs, and the proof that it
 * is its source with weights zeroed and nothing else changed.
 */
package io.github.wandacuda.job.output;
