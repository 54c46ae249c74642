/**
 * The forward operations as plain loops: the specification, to which the vector kernels are equal
 * to the bit. Each operation has a class, named after its kernels.
 */
package io.github.wandacuda.forward.reference;
