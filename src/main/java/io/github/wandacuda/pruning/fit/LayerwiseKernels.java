package io.github.wandacuda.pruning.fit;

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

/**
 * The kernels that this JVM can run: those on the Vector API where it is, else the scalar ones.
 *
 * @param factor of Cholesky factors
 * @param sparseGpt of columns within a block
 * @param rows of sums along a row
 */
record LayerwiseKernels(FactorKernels factor, SparseGptKernels sparseGpt, RowArithmetic rows) {
  /** The classes on vectors are loaded only where the Vector API's module is present. */
  private static final LayerwiseKernels CHOSEN =
      ThisRuntime.hasVectors()
          ? new LayerwiseKernels(new VectorFactor(), new VectorSparseGpt(), new VectorRows())
          : new LayerwiseKernels(new ScalarFactor(), new ScalarSparseGpt(), new ScalarRows());

  /** Returns the kernels, the same for every call. */
  static LayerwiseKernels chosen() {
    return CHOSEN;
  }
}
