/**
 * Where a run's results go: a new directory or the model's own shards, and whether there is room
 * for them.
 */
package io.github.wandacuda.job.output;
