/**
 * Codes and scales: which tensors of a checkpoint are a quantized module, in what format, and how
 * its codes are read, zeroed and written.
 */
package io.github.wandacuda.model.quantized;
