/** Layer-wise pruning on the Vector API, one class for each kernel of the reference. */
package io.github.wandacuda.layerwise.simd;
