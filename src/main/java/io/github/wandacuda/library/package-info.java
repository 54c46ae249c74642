/**
 * Pruning for programs that hold a model's weights themselves: matrices in their own memory, from
 * any number of their threads; the norms from their own forward pass; safetensors files that lie in
 * memory.
 */
package io.github.wandacuda.library;
