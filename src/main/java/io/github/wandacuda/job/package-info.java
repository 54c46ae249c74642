/** A run of {@code prune} from the request to the result, in a new directory or in place. */
package io.github.wandacuda.job;
