/**
 * How much of each decoder block is pruned, at a given total: shared out by the block's place in
 * the decoder, by its scores, or as a file says.
 */
package io.github.wandacuda.prune.allocation;
