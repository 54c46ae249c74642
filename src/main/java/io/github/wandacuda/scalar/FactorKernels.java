package io.github.wandacuda.scalar;

import io.github.wandacuda.system.WorkerPool;

/**
 * The factorisation behind SparseGPT, in float64. Every implementation gives the same bits for any
 * number of threads: sums are made of fused multiply-adds in the order that is stated here and
 * written out in {@link ScalarFactor}.
 */
public interface FactorKernels {
  /**
   * Replaces a symmetric matrix A, of which the lower half is given, by the inverse of its Cholesky
   * factor L, {@code A = L L^T}. Element {@code L[i, j]} is {@code A[i, j]}, from which {@code L[i,
   * k] * L[j, k]} is taken for each k below j in order, divided by {@code L[j, j]}, or its root if
   * i is j. Element {@code [i, j]} of the inverse is 0, or 1 if i is j, from which {@code L[i, k] *
   * inverse[k, j]} is taken for each k from j to i - 1 in order, divided by {@code L[i, i]}.
   *
   * @return whether A is positive definite, as far as rounding shows it; otherwise the matrix holds
   *     nothing of use
   */
  boolean invertRoot(TiledTriangle matrix, WorkerPool workers);
}
