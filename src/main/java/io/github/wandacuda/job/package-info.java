/**
 * A run from the request to the result: pruning in a new directory or in place, merging, packing,
 * comparing.
 */
package io.github.wandacuda.job;
