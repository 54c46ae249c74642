/**
 * What a run leaves behind about itself: the journal while it is unfinished, wanda-cuda.json in the
 * end, the masks' digest.
 */
package io.github.wandacuda.job.record;
