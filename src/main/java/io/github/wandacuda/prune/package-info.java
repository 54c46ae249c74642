/**
 * Pruning of matrices in memory: what is asked for, cut into tiles, selected on a backend, counted.
 */
package io.github.wandacuda.prune;
