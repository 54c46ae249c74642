package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.scalar.FactorKernels;
import io.github.wandacuda.scalar.TiledTriangle;
import io.github.wandacuda.system.WorkerPool;
import java.util.Arrays;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The Cholesky factor and its inverse, tile by tile. A column of tiles is factored and subtracted
 * from all tiles to the right of it before the next column. So the terms of a sum come in the
 * scalar kernels' order.
 *
 * <p>Triangles on the diagonal are kept <em>negated</em>, since a fused multiply-add then subtracts
 * their multiples. Within a product of tiles the sums of {@link #ROWS} rows and {@link #COLUMNS}
 * columns stay in registers; vectors run along the columns.
 */
public final class VectorFactor implements FactorKernels {
  private static final int TILE = TiledTriangle.TILE;

  /** Rows whose sums are in registers at a time. */
  private static final int ROWS = 4;

  /** Columns whose sums are in registers at a time. */
  private static final int COLUMNS = 2 * Lanes.DOUBLES.length();

  private static final VectorSpecies<Double> D = Lanes.DOUBLES;
  private static final int W = Lanes.DOUBLES.length();

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
            add(a.tile(i, column), transposed[j], a.tile(i, j));
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
    transpose(a, columns);
    for (int strip = 0; strip < TILE; strip += ROWS) {
      for (int j = strip / COLUMNS * COLUMNS; j < TILE; j += COLUMNS) {
        add(negated, strip * TILE, columns, j, columns, strip * TILE + j, strip);
      }
      for (int row = strip; row < strip + ROWS; row++) {
        for (int k = strip; k < row; k++) {
          double factor = negated[row * TILE + k];
          addRow(factor, columns, k * TILE, columns, row * TILE, row);
        }
        double pivot = columns[row * TILE + row];
        if (!(pivot > 0 && pivot < Double.POSITIVE_INFINITY)) {
          return null;
        }
        negated[row * TILE + row] = -Math.sqrt(pivot);
        divideRow(columns, row * TILE, -negated[row * TILE + row]);
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
    transpose(tile, columns);
    solve(negated, columns);
    transpose(columns, tile);
    subtractFromZero(columns, transposed);
  }

  /** Replaces a tile X by the solution Y of {@code L Y = X}. */
  private static void solve(double[] negated, double[] x) {
    for (int strip = 0; strip < TILE; strip += ROWS) {
      for (int j = 0; j < TILE; j += COLUMNS) {
        add(negated, strip * TILE, x, j, x, strip * TILE + j, strip);
      }
      for (int row = strip; row < strip + ROWS; row++) {
        for (int k = strip; k < row; k++) {
          addRow(negated[row * TILE + k], x, k * TILE, x, row * TILE, 0);
        }
        divideRow(x, row * TILE, -negated[row * TILE + row]);
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
      add(root.tile(i, k), root.tile(k, j), inverse);
    }
    subtractFromZero(inverse, inverse);
    if (i == j) {
      for (int d = 0; d < TILE; d++) {
        inverse[d * TILE + d] = 1;
      }
    }
    solve(negated, inverse);
  }

  /** Computes {@code c += a b}, fused, the terms of a sum in order. */
  private static void add(double[] a, double[] b, double[] c) {
    for (int column = 0; column < TILE; column += COLUMNS) {
      for (int row = 0; row < TILE; row += ROWS) {
        add(a, row * TILE, b, column, c, row * TILE + column, TILE);
      }
    }
  }

  /**
   * Computes {@code c[i, j] += a[i, 0] * b[0, j] + ...} for {@link #ROWS} rows and {@link #COLUMNS}
   * columns. Rows are a tile's width apart.
   *
   * @param depth terms of a sum
   */
  private static void add(
      double[] a, int aAt, double[] b, int bAt, double[] c, int cAt, int depth) {
    DoubleVector c00 = load(c, cAt);
    DoubleVector c01 = load(c, cAt + W);
    DoubleVector c10 = load(c, cAt + TILE);
    DoubleVector c11 = load(c, cAt + TILE + W);
    DoubleVector c20 = load(c, cAt + 2 * TILE);
    DoubleVector c21 = load(c, cAt + 2 * TILE + W);
    DoubleVector c30 = load(c, cAt + 3 * TILE);
    DoubleVector c31 = load(c, cAt + 3 * TILE + W);
    for (int k = 0; k < depth; k++) {
      DoubleVector b0 = load(b, bAt + k * TILE);
      DoubleVector b1 = load(b, bAt + k * TILE + W);
      DoubleVector a0 = DoubleVector.broadcast(D, a[aAt + k]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      DoubleVector a1 = DoubleVector.broadcast(D, a[aAt + TILE + k]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      DoubleVector a2 = DoubleVector.broadcast(D, a[aAt + 2 * TILE + k]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      DoubleVector a3 = DoubleVector.broadcast(D, a[aAt + 3 * TILE + k]);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
    }
    c00.intoArray(c, cAt);
    c01.intoArray(c, cAt + W);
    c10.intoArray(c, cAt + TILE);
    c11.intoArray(c, cAt + TILE + W);
    c20.intoArray(c, cAt + 2 * TILE);
    c21.intoArray(c, cAt + 2 * TILE + W);
    c30.intoArray(c, cAt + 3 * TILE);
    c31.intoArray(c, cAt + 3 * TILE + W);
  }

  /** Computes {@code c[j] = fma(factor, b[j], c[j])} of two rows, from a column on. */
  private static void addRow(double factor, double[] b, int bAt, double[] c, int cAt, int from) {
    DoubleVector factors = DoubleVector.broadcast(D, factor);
    for (int j = D.loopBound(from); j < TILE; j += W) {
      factors.fma(load(b, bAt + j), load(c, cAt + j)).intoArray(c, cAt + j);
    }
  }

  private static void divideRow(double[] c, int cAt, double divisor) {
    DoubleVector divisors = DoubleVector.broadcast(D, divisor);
    for (int j = 0; j < TILE; j += W) {
      load(c, cAt + j).div(divisors).intoArray(c, cAt + j);
    }
  }

  /** Computes {@code c = 0 - a}, in which a zero is never negative. */
  private static void subtractFromZero(double[] a, double[] c) {
    for (int i = 0; i < TILE * TILE; i += W) {
      DoubleVector.zero(D).sub(load(a, i)).intoArray(c, i);
    }
  }

  /** Writes a tile's columns as rows, eight by eight. */
  private static void transpose(double[] from, double[] to) {
    for (int square = 0; square < TILE * TILE; square += 8 * TILE) {
      for (int column = 0; column < TILE; column += 8) {
        for (int i = 0; i < 8; i++) {
          for (int j = 0; j < 8; j++) {
            to[(column + i) * TILE + square / TILE + j] = from[square + j * TILE + column + i];
          }
        }
      }
    }
  }
}
