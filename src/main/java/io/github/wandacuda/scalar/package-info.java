/**
 * The arithmetic of the CPU as plain loops: selection, the forward operations, layer-wise pruning
 * and packing. It is the specification, to which the vector kernels and the GPUs are equal to the
 * bit. It serves a Java without the Vector API; its selection also serves runs over so few weights
 * that they end before Java has compiled the kernels on vectors.
 */
package io.github.wandacuda.scalar;
