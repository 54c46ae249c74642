/**
 * Kept weights fitted by gradients inside a block: what attention and an MLP put out of what they
 * read, their gradients in closed form, and the steps that bring the pruned half's output near to
 * the dense model's.
 */
package io.github.wandacuda.pruning.tune;
