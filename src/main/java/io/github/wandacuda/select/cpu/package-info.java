/**
 * Selection on the CPU: rows are shared out to workers, pruned by the scalar or the vector kernels
 * and written where they go.
 */
package io.github.wandacuda.select.cpu;
