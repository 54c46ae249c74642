/**
 * A shard, a batch of samples, or the modules that read one input, as a piece of work that travels:
 * what goes there, what is done there, what comes back.
 */
package io.github.wandacuda.job.shard;
