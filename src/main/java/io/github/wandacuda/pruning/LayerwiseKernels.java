package io.github.wandacuda.pruning;

import io.github.wandacuda.scalar.FactorKernels;
import io.github.wandacuda.scalar.RowArithmetic;
import io.github.wandacuda.scalar.ScalarFactor;
import io.github.wandacuda.scalar.ScalarRows;
import io.github.wandacuda.scalar.ScalarSparseGpt;
import io.github.wandacuda.scalar.SparseGptKernels;
import io.github.wandacuda.simd.VectorFactor;
import io.github.wandacuda.simd.VectorRows;
import io.github.wandacuda.simd.VectorSparseGpt;
import io.github.wandacuda.system.ThisRuntime;

/** The kernels that this JVM can run: those on the Vector API where it is, else the scalar ones. */
record LayerwiseKernels(FactorKernels factor, SparseGptKernels sparseGpt, RowArithmetic rows) {
  private static final LayerwiseKernels CHOSEN =
      ThisRuntime.hasVectors() ? VectorLayerwise.create() : scalar();

  /** Returns the kernels, the same for every call. */
  static LayerwiseKernels chosen() {
    return CHOSEN;
  }

  /** Returns the specification. */
  static LayerwiseKernels scalar() {
    return new LayerwiseKernels(new ScalarFactor(), new ScalarSparseGpt(), new ScalarRows());
  }

  /** The kernels on vectors; to be loaded only where the Vector API's module is present. */
  private static final class VectorLayerwise {
    private VectorLayerwise() {}

    static LayerwiseKernels create() {
      return new LayerwiseKernels(new VectorFactor(), new VectorSparseGpt(), new VectorRows());
    }
  }
}
