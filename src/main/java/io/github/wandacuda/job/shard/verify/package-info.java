/** The check of a pruned directory as pieces of work that travel. */
package io.github.wandacuda.job.shard.verify;
