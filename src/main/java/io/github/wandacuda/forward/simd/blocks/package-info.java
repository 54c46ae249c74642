/**
 * Weights in the order in which one to a few rows are multiplied with them, and the buffers that
 * all vector kernels of the forward pass are packed into.
 */
package io.github.wandacuda.forward.simd.blocks;
