/**
 * The CPU as a backend: rows shared out to workers, the choice between scalar and vector kernels,
 * the search for the lowest scores of a row, and tensors in Java arrays.
 */
package io.github.wandacuda.backend.cpu;
