/**
 * Selection on a GPU: tiles of weights travel through pinned memory to the kernels and back while
 * others are selected.
 */
package io.github.wandacuda.select.gpu;
