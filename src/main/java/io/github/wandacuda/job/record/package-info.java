/**
 * What a run records about itself: the journal while it is unfinished, {@code wanda-cuda.json} at
 * the end, the digest of the masks; and what a calibrated run costs, by arithmetic.
 */
package io.github.wandacuda.job.record;
