/**
 * Selection in plain loops that are fast: for runs over so few weights that they end before Java
 * has compiled the kernels on vectors, and for a Java without the Vector API. It equals {@link
 * io.github.wandacuda.select.reference.ScalarSelect} to the bit.
 */
package io.github.wandacuda.select.scalar;
