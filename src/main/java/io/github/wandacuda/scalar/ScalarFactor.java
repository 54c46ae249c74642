package io.github.wandacuda.scalar;

import io.github.wandacuda.system.WorkerPool;

/** The Cholesky factor and its inverse as plain loops. */
public final class ScalarFactor implements FactorKernels {
  @Override
  public boolean invertRoot(TiledTriangle matrix, WorkerPool workers) {
    for (int i = 0; i < matrix.order(); i++) {
      if (!factorRow(matrix, i)) {
        return false;
      }
    }
    double[][] root = matrix.rows();
    workers.run(matrix.order(), (worker, j) -> invertColumn(root, j, matrix));
    return true;
  }

  /**
   * Replaces row i by that of the factor, given the rows above it.
   *
   * @return whether its element on the diagonal has a root: whether it is positive
   */
  private static boolean factorRow(TiledTriangle a, int i) {
    for (int j = 0; j <= i; j++) {
      double rest = a.get(i, j);
      for (int k = 0; k < j; k++) {
        rest = Math.fma(-a.get(i, k), a.get(j, k), rest);
      }
      if (j < i) {
        a.set(i, j, rest / a.get(j, j));
      } else if (rest > 0 && rest < Double.POSITIVE_INFINITY) {
        a.set(i, i, Math.sqrt(rest));
      } else {
        return false;
      }
    }
    return true;
  }

  private static void invertColumn(double[][] root, int j, TiledTriangle inverse) {
    for (int i = j; i < root.length; i++) {
      double rest = i == j ? 1 : 0;
      for (int k = j; k < i; k++) {
        rest = Math.fma(-root[i][k], inverse.get(k, j), rest);
      }
      inverse.set(i, j, rest / root[i][i]);
    }
  }
}
