package io.github.wandacuda.simd;

import io.github.wandacuda.scalar.TiledTriangle;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products of {@link TiledTriangle}'s tiles. Sums of {@link #ROWS} rows and {@link #COLUMNS}
 * columns stay in registers. Vectors run along the columns, so that each sum is added in order.
 */
final class DoubleTile {
  static final int TILE = TiledTriangle.TILE;

  /** Rows whose sums are in registers at a time. */
  static final int ROWS = 4;

  /** Columns whose sums are in registers at a time. */
  static final int COLUMNS = 2 * Lanes.DOUBLES.length();

  private static final VectorSpecies<Double> D = Lanes.DOUBLES;
  private static final int W = Lanes.DOUBLES.length();

  private DoubleTile() {}

  /** Computes {@code c += a b}, fused, the terms of a sum in order. */
  static void add(double[] a, double[] b, double[] c) {
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
  static void add(double[] a, int aAt, double[] b, int bAt, double[] c, int cAt, int depth) {
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
  static void addRow(double factor, double[] b, int bAt, double[] c, int cAt, int from) {
    DoubleVector factors = DoubleVector.broadcast(D, factor);
    for (int j = D.loopBound(from); j < TILE; j += W) {
      factors.fma(load(b, bAt + j), load(c, cAt + j)).intoArray(c, cAt + j);
    }
  }

  /** Divides a row. */
  static void divideRow(double[] c, int cAt, double divisor) {
    DoubleVector divisors = DoubleVector.broadcast(D, divisor);
    for (int j = 0; j < TILE; j += W) {
      load(c, cAt + j).div(divisors).intoArray(c, cAt + j);
    }
  }

  /** Computes {@code c = 0 - a}, which has no negative zero. */
  static void subtractFromZero(double[] a, double[] c) {
    for (int i = 0; i < TILE * TILE; i += W) {
      DoubleVector.zero(D).sub(load(a, i)).intoArray(c, i);
    }
  }

  /** Writes a tile's columns as rows, eight by eight. */
  static void transpose(double[] from, double[] to) {
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

  private static DoubleVector load(double[] array, int at) {
    return DoubleVector.fromArray(D, array, at);
  }
}
