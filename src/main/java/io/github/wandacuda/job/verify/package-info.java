/** The proof that a pruned directory is its source with weights zeroed and nothing else changed. */
package io.github.wandacuda.job.verify;
