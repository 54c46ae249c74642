/**
 * The arithmetic of the CPU as plain loops: selection, the forward operations, layer-wise pruning
 * and packing. It is the specification, to which the vector kernels and the GPUs are equal to the
 * bit. {@link io.github.wandacuda.scalar.RadixSelect} alone is plain and fast: it serves runs over
 * so few weights that they end before Java has compiled the kernels on vectors, and a Java without
 * the Vector API.
 */
package io.github.wandacuda.scalar;
