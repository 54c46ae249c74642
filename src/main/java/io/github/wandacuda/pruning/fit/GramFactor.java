package io.github.wandacuda.pruning.fit;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.scalar.FactorKernels;
import io.github.wandacuda.scalar.TiledTriangle;
import io.github.wandacuda.system.WorkerPool;
import java.util.Optional;

/**
 * What SparseGPT needs of a Gram matrix G (Frantar and Alistarh, arXiv 2301.00774, section 3): the
 * upper triangular U with {@code U^T U = c * H^-1}, rounded from float64 to float32, where H is G
 * with a dampening added to its diagonal and c is a power of 4 that brings U near 1; masks and
 * weights don't depend on it.
 *
 * <p>With J for the reversal of rows, {@code J H J = L L^T} gives {@code U = J L^-1 J}: one
 * Cholesky factor and its inverse, in place of H's inverse and a Cholesky factor of that.
 *
 * @param dampening the share of the diagonal's mean that was added to the diagonal
 * @param scale the power of 4 by which {@code U^T U} is to be multiplied to be {@code H^-1}
 * @param dead the columns that never had another input than 0
 * @param transposed row b holds U's column b down to the diagonal
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
public record GramFactor(double dampening, double scale, boolean[] dead, float[][] transposed) {
  private static final double FIRST_DAMPENING = 0.01;
  private static final int TRIES = 4;
  private static final int STEP = 10;

  /**
   * Factors a Gram matrix. Columns whose diagonal is 0, which never had another input than 0, are
   * <em>dead</em>: they get 1 on the diagonal. Then 0.01 of the diagonal's mean is added to it; if
   * the result isn't positive definite, 0.1 of the mean, the mean itself, and ten times as much are
   * tried.
   *
   * @param gram isn't read after this call
   * @param workers threads; the result is the same for any number of them
   * @return nothing if none of these is positive definite, or a number of the matrix isn't finite
   */
  public static Optional<GramFactor> of(Gram gram, WorkerPool workers) {
    return of(gram, workers, LayerwiseKernels.chosen().factor());
  }

  static Optional<GramFactor> of(Gram gram, WorkerPool workers, FactorKernels kernels) {
    boolean[] dead = new boolean[gram.columns()];
    double sum = 0;
    for (int column = 0; column < dead.length; column++) {
      float diagonal = gram.get(column, column);
      dead[column] = diagonal == 0;
      sum += dead[column] ? 1 : diagonal;
    }
    double mean = dead.length == 0 ? 1 : sum / dead.length;
    if (!(mean > 0 && mean < Double.POSITIVE_INFINITY)) {
      return Optional.empty();
    }
    double dampening = FIRST_DAMPENING;
    for (int attempt = 0; attempt < TRIES; attempt++) {
      TiledTriangle matrix = reversed(gram, dead, dampening * mean, scale(mean), workers);
      if (kernels.invertRoot(matrix, workers)) {
        return Optional.of(
            new GramFactor(dampening, scale(mean), dead, transposed(matrix, workers)));
      }
      dampening *= STEP;
    }
    return Optional.empty();
  }

  /** Returns the power of 4 that brings the mean to at least 1 and less than 4. */
  private static double scale(double mean) {
    return Math.scalb(1, -2 * Math.floorDiv(Math.getExponent(mean), 2));
  }

  /** Returns the lower half of the dampened and scaled matrix, rows and columns reversed. */
  private static TiledTriangle reversed(
      Gram gram, boolean[] dead, double damp, double scale, WorkerPool workers) {
    int columns = gram.columns();
    TiledTriangle matrix = new TiledTriangle(columns);
    workers.run(
        columns,
        (worker, i) -> {
          int row = columns - 1 - i;
          long start = Gram.rowStart(columns, row);
          for (int j = 0; j < i; j++) {
            matrix.set(i, j, scale * gram.triangle().getAtIndex(FLOAT, start + i - j));
          }
          double diagonal = dead[row] ? 1 : gram.triangle().getAtIndex(FLOAT, start);
          matrix.set(i, i, scale * (diagonal + damp));
        });
    return matrix;
  }

  /** Returns U's columns, rounded to float32, and lets go of the matrix. */
  private static float[][] transposed(TiledTriangle inverse, WorkerPool workers) {
    int order = inverse.order();
    float[][] transposed = new float[order][];
    workers.run(
        inverse.tilesAcross(),
        (worker, tile) -> {
          int first = tile * TiledTriangle.TILE;
          for (int j = first; j < Math.min(order, first + TiledTriangle.TILE); j++) {
            float[] row = new float[order - j];
            for (int i = j; i < order; i++) {
              row[order - 1 - i] = (float) inverse.get(i, j);
            }
            transposed[order - 1 - j] = row;
          }
          inverse.release(tile);
        });
    return transposed;
  }

  /** Returns how many columns the Gram matrix has. */
  public int columns() {
    return dead.length;
  }

  /** Returns whether a column never had another input than 0. */
  boolean isDead(int column) {
    return dead[column];
  }

  /** Returns U's column down to the diagonal; not a copy, so not to be changed. */
  float[] column(int column) {
    return transposed[column];
  }
}
