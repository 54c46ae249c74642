/**
 * The forward operations on the CPU: tensors in Java arrays, computed by the scalar or the vector
 * kernels.
 */
package io.github.wandacuda.forward.cpu;
