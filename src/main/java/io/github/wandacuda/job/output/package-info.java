/**
 * A directory that comes to be: where it may be, its shards and the files beside them, the model
 * card, the digest of the masks, and the journal by which an interrupted run goes on.
 */
package io.github.wandacuda.job.output;
