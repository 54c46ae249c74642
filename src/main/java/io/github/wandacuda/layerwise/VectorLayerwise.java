package io.github.wandacuda.layerwise;

import io.github.wandacuda.simd.VectorFactor;
import io.github.wandacuda.simd.VectorRows;
import io.github.wandacuda.simd.VectorSparseGpt;

/** The kernels on vectors; to be loaded only where the Vector API's module is present. */
final class VectorLayerwise {
  private VectorLayerwise() {}

  static LayerwiseKernels create() {
    return new LayerwiseKernels(new VectorFactor(), new VectorSparseGpt(), new VectorRows());
  }
}
