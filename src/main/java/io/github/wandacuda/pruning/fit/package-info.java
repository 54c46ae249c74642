/**
 * What the kept weights become, so that a layer's outputs change least: SparseGPT, ALPS, swaps,
 * reconstruction and the fit of output projections, all from second moments of the layer's inputs.
 */
package io.github.wandacuda.pruning.fit;
