/** Packing of a pruned model's zeros, and back. */
package io.github.wandacuda.job.pack;
