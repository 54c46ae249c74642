/**
 * Layer-wise pruning as plain loops: the specification that the vector kernels equal to the bit.
 */
package io.github.wandacuda.layerwise.reference;
