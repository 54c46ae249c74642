/**
 * The CPU as a backend: rows shared out to workers, the choice between scalar and vector kernels,
 * the search for the lowest scores of a row, tensors in Java arrays, and linear layers in bfloat16
 * through oneDNN, a library of the system that may be missing.
 */
package io.github.wandacuda.backend.cpu;
