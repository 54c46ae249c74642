/**
 * What a run records about itself: the journal while it is unfinished, {@code wanda-cuda.json} at
 * the end, the digest of the masks.
 */
package io.github.wandacuda.job.record;
