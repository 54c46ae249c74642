/**
 * The forward operations as plain loops: the specification that the vector kernels equal to the
 * bit. One class for each operation, named after its kernels.
 */
package io.github.wandacuda.forward.reference;
