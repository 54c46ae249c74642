/**
 * A shard, or a batch of samples, as a piece of work that travels: what goes there, what is done
 * there, what comes back.
 */
package io.github.wandacuda.job.shard;
