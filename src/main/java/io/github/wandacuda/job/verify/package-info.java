/**
 * The proof that an output is its source with weights zeroed, or parts removed, and nothing else
 * changed, for every form of output.
 */
package io.github.wandacuda.job.verify;
