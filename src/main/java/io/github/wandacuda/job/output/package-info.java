/** The output of a run: a new directory or the model's own shards, and the space that it needs. */
package io.github.wandacuda.job.output;
