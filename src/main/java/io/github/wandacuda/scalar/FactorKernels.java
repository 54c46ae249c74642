package io.github.wandacuda.scalar;

import io.github.wandacuda.system.WorkerPool;

/**
 * The factorisation behind SparseGPT, in float64. Every implementation gives the same bits for any
 * number of threads: sums are made of fused multiply-adds in the order that is stated here and
 * written out in {@link ScalarFactor}.
 */
public interface FactorKernels {
  /**
   * Replaces a symmetric matrix A by the inverse of its Cholesky factor L, {@code A = L L^T}.
   * Element {@code L[i, j]} starts as {@code A[i, j]}; {@code L[i, k] * L[j, k]} is subtracted for
   * each k below j in order; then it is divided by {@code L[j, j]}, or replaced by its root if i is
   * j. Element {@code [i, j]} of the inverse starts as 0, or as 1 if i is j; {@code L[i, k] *
   * inverse[k, j]} is subtracted for each k from j to i - 1 in order; then it is divided by {@code
   * L[i, i]}.
   *
   * @param matrix the lower half of A, replaced in place
   * @param workers do the work together with the caller
   * @return whether A is positive definite, as far as rounding shows it; if not, the matrix's
   *     content is undefined
   */
  boolean invertRoot(TiledTriangle matrix, WorkerPool workers);
}
