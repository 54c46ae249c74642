package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.DoubleTile.COLUMNS;
import static io.github.wandacuda.simd.DoubleTile.ROWS;
import static io.github.wandacuda.simd.DoubleTile.TILE;

import io.github.wandacuda.scalar.FactorKernels;
import io.github.wandacuda.scalar.TiledTriangle;
import io.github.wandacuda.system.WorkerPool;
import java.util.Arrays;

/**
 * The Cholesky factor and its inverse, tile by tile. A column of tiles is factored and taken from
 * all tiles to the right of it, before the next one; so the terms of a sum come in the scalar
 * kernels' order.
 *
 * <p>Triangles on the diagonal are kept <em>negated</em>, since a fused multiply-add then takes
 * their multiples away.
 */
public final class VectorFactor implements FactorKernels {
  /** Creates the kernels. */
  public VectorFactor() {}

  @Override
  public boolean invertRoot(TiledTriangle matrix, WorkerPool workers) {
    double[][] negated = new double[matrix.tilesAcross()][];
    if (!factor(matrix, negated, workers)) {
      return false;
    }
    invert(matrix, negated, workers);
    return true;
  }

  /**
   * Replaces the tiles below the diagonal by those of L.
   *
   * @param negated takes the negated triangles on the diagonal
   */
  private static boolean factor(TiledTriangle a, double[][] negated, WorkerPool workers) {
    int across = a.tilesAcross();
    double[][] transposed = new double[across][TILE * TILE];
    for (int k = 0; k < across; k++) {
      int column = k;
      int below = k + 1;
      negated[k] = negatedRoot(a.tile(k, k));
      if (negated[k] == null) {
        return false;
      }
      workers.run(
          across - below,
          (worker, i) -> divide(a.tile(below + i, column), negated[column], transposed[below + i]));
      workers.run(
          pairs(across - below),
          (worker, pair) -> {
            int row = rowOf(pair);
            int i = below + row;
            int j = below + pair - pairs(row);
            DoubleTile.add(a.tile(i, column), transposed[j], a.tile(i, j));
          });
    }
    return true;
  }

  /** Returns how many tiles a triangle of so many rows of tiles has. */
  private static int pairs(int rows) {
    return rows * (rows + 1) / 2;
  }

  /** Returns the row of tiles in which a triangle's tile is. */
  private static int rowOf(int pair) {
    int row = (int) ((Math.sqrt(8.0 * pair + 1) - 1) / 2);
    return pair < pairs(row) ? row - 1 : pair < pairs(row + 1) ? row : row + 1;
  }

  /** Returns the negated Cholesky factor of a tile on the diagonal, or null if it has none. */
  private static double[] negatedRoot(double[] a) {
    double[] columns = new double[TILE * TILE];
    double[] negated = new double[TILE * TILE];
    DoubleTile.transpose(a, columns);
    for (int strip = 0; strip < TILE; strip += ROWS) {
      for (int j = strip / COLUMNS * COLUMNS; j < TILE; j += COLUMNS) {
        DoubleTile.add(negated, strip * TILE, columns, j, columns, strip * TILE + j, strip);
      }
      for (int row = strip; row < strip + ROWS; row++) {
        for (int k = strip; k < row; k++) {
          double factor = negated[row * TILE + k];
          DoubleTile.addRow(factor, columns, k * TILE, columns, row * TILE, row);
        }
        double pivot = columns[row * TILE + row];
        if (!(pivot > 0 && pivot < Double.POSITIVE_INFINITY)) {
          return null;
        }
        negated[row * TILE + row] = -Math.sqrt(pivot);
        DoubleTile.divideRow(columns, row * TILE, -negated[row * TILE + row]);
        for (int j = row + 1; j < TILE; j++) {
          negated[j * TILE + row] = -columns[row * TILE + j];
        }
      }
    }
    return negated;
  }

  /**
   * Replaces a tile below the diagonal by L's.
   *
   * @param transposed takes the same tile, transposed and negated
   */
  private static void divide(double[] tile, double[] negated, double[] transposed) {
    double[] columns = new double[TILE * TILE];
    DoubleTile.transpose(tile, columns);
    solve(negated, columns);
    DoubleTile.transpose(columns, tile);
    DoubleTile.subtractFromZero(columns, transposed);
  }

  /** Replaces a tile X by the solution Y of {@code L Y = X}. */
  private static void solve(double[] negated, double[] x) {
    for (int strip = 0; strip < TILE; strip += ROWS) {
      for (int j = 0; j < TILE; j += COLUMNS) {
        DoubleTile.add(negated, strip * TILE, x, j, x, strip * TILE + j, strip);
      }
      for (int row = strip; row < strip + ROWS; row++) {
        for (int k = strip; k < row; k++) {
          DoubleTile.addRow(negated[row * TILE + k], x, k * TILE, x, row * TILE, 0);
        }
        DoubleTile.divideRow(x, row * TILE, -negated[row * TILE + row]);
      }
    }
  }

  /** Replaces L by its inverse, one row of tiles after the other. */
  private static void invert(TiledTriangle root, double[][] negated, WorkerPool workers) {
    double[][] inverse = new double[root.tilesAcross()][];
    for (int i = 0; i < inverse.length; i++) {
      int row = i;
      inverse[i] = new double[TILE * TILE];
      workers.run(i + 1, (worker, j) -> invert(root, row, j, negated[row], inverse[j]));
      for (int j = 0; j <= i; j++) {
        double[] used = root.tile(i, j);
        root.replace(i, j, inverse[j]);
        inverse[j] = used;
      }
    }
  }

  /** Computes a tile of the inverse, given the rows of tiles above it. */
  private static void invert(TiledTriangle root, int i, int j, double[] negated, double[] inverse) {
    Arrays.fill(inverse, 0);
    for (int k = j; k < i; k++) {
      DoubleTile.add(root.tile(i, k), root.tile(k, j), inverse);
    }
    DoubleTile.subtractFromZero(inverse, inverse);
    if (i == j) {
      for (int d = 0; d < TILE; d++) {
        inverse[d * TILE + d] = 1;
      }
    }
    solve(negated, inverse);
  }
}
