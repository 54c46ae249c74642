/**
 * Layer-wise pruning: which weights of a linear layer are pruned, and what the kept ones become, so
 * that its outputs change least, given the Gram matrix of its inputs.
 */
package io.github.wandacuda.layerwise;
