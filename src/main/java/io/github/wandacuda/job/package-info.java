/** A run of prune from the request to the result, in a new directory or in place. */
package io.github.wandacuda.job;
