package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * A small block of a matrix product whose sums stay in vector registers: {@link #ROWS} rows of a
 * first matrix times {@link #COLUMNS} columns of a second one. Vectors run along the columns, never
 * along the terms of a sum, so that each sum is added in the scalar kernels' order.
 *
 * <p>The JIT (C2 of 25.0.3) moves a step's loads, of columns and of rows, before its first
 * multiplication, so a tile needs a register for each sum, each vector of columns and each row. 6
 * rows of 2 vectors need 20. With 16 registers, four sums were stored on the stack and loaded again
 * in every step (40 GFLOP/s on one core of a Zen 3); with another garbage collector they were not
 * (95 GFLOP/s). 4 rows of 2 vectors need 14 registers and ran at 94 to 97 GFLOP/s with either
 * collector. With 32 registers of 512 bits, 6 rows of 4 vectors were faster than 8 or 4 rows of 2.
 */
final class RegisterTile {
  private static final boolean WIDE = Lanes.FLOATS.vectorBitSize() == 512;

  public static final int ROWS = WIDE ? WideRegisterTile.ROWS : NarrowRegisterTile.ROWS;
  public static final int COLUMNS =
      (WIDE ? WideRegisterTile.VECTORS : NarrowRegisterTile.VECTORS) * Lanes.COUNT;

  /**
   * A tile of -0, which changes no sum that is added to it, not even the sign of a zero. With it
   * the long methods need no branch for the first run. A branch was never taken during the first
   * run of a matrix, so C2 compiled it as a trap, and the second run was interpreted for a third of
   * a second until it was compiled again.
   */
  static final float[] NOTHING = new float[ROWS * COLUMNS];

  static {
    Arrays.fill(NOTHING, -0f);
  }

  private RegisterTile() {}

  /**
   * Computes {@code c[i, j] = c[i, j] + sum over k of a[k, i] * b[k, j]}, the sum fused, from 0, in
   * the order of k. All matrices are dense.
   *
   * @param a {@code depth} rows of {@link #ROWS} values
   * @param aAt where a begins in its array
   * @param b {@code depth} rows of {@link #COLUMNS} values
   * @param bAt where b begins in its array
   * @param depth terms of each sum
   * @param first whether the sums are the first of c, whose content doesn't count then
   * @param c {@link #ROWS} rows of {@link #COLUMNS} values
   * @param cAt where c begins in its array
   */
  public static void multiply(
      float[] a, int aAt, float[] b, int bAt, int depth, boolean first, float[] c, int cAt) {
    float[] before = first ? NOTHING : c;
    int beforeAt = first ? 0 : cAt;
    if (WIDE) {
      WideRegisterTile.multiply(a, aAt, b, bAt, depth, before, beforeAt, c, cAt);
    } else {
      NarrowRegisterTile.multiply(a, aAt, b, bAt, depth, before, beforeAt, c, cAt);
    }
  }

  /** Returns a number of rows, rounded up to whole tiles. */
  public static int wholeRows(int count) {
    return Math.ceilDiv(count, ROWS) * ROWS;
  }

  /** Returns a number of columns, rounded up to whole tiles. */
  public static int wholeColumns(int count) {
    return Math.ceilDiv(count, COLUMNS) * COLUMNS;
  }

  /** Returns {@code array}, or a new one if it has less than {@code rows * columns} elements. */
  public static float[] grown(float[] array, int rows, int columns) {
    int needed = Math.multiplyExact(rows, columns);
    return array.length < needed ? new float[needed] : array;
  }

  /**
   * Writes a row as a column of a matrix: element k goes to {@code to[toAt + k * width]}.
   *
   * @param depth elements of the row
   * @param width elements of a row of the matrix
   */
  public static void stand(float[] from, int fromAt, int depth, float[] to, int toAt, int width) {
    for (int k = 0; k < depth; k++) {
      to[toAt + k * width] = from[fromAt + k];
    }
  }

  /**
   * Writes {@code rows} rows of {@code depth} elements, {@code stride} apart, as consecutive
   * columns of a matrix whose rows have {@code width} elements. Columns from {@code rows} on are
   * unchanged.
   */
  public static void stand(
      float[] from, int fromAt, int stride, int rows, int depth, float[] to, int toAt, int width) {
    for (int row = 0; row < rows; row++) {
      stand(from, fromAt + row * stride, depth, to, toAt + row, width);
    }
  }

  /** The register tile for 16 vector registers: 4 rows of 2 vectors. */
  private static final class NarrowRegisterTile {
    static final int ROWS = 4;
    static final int VECTORS = 2;

    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final int W = Lanes.COUNT;

    private NarrowRegisterTile() {}

    /** Computes {@code c = d + a b}; see {@link RegisterTile#multiply}. */
    static void multiply(
        float[] a, int aAt, float[] b, int bAt, int depth, float[] d, int dAt, float[] c, int cAt) {
      FloatVector c00 = FloatVector.zero(F);
      FloatVector c01 = FloatVector.zero(F);
      FloatVector c10 = FloatVector.zero(F);
      FloatVector c11 = FloatVector.zero(F);
      FloatVector c20 = FloatVector.zero(F);
      FloatVector c21 = FloatVector.zero(F);
      FloatVector c30 = FloatVector.zero(F);
      FloatVector c31 = FloatVector.zero(F);
      for (int k = 0; k < depth; k++) {
        int ak = aAt + k * ROWS;
        int bk = bAt + k * (VECTORS * W);
        FloatVector b0 = load(b, bk);
        FloatVector b1 = load(b, bk + W);
        FloatVector a0 = FloatVector.broadcast(F, a[ak]);
        c00 = a0.fma(b0, c00);
        c01 = a0.fma(b1, c01);
        FloatVector a1 = FloatVector.broadcast(F, a[ak + 1]);
        c10 = a1.fma(b0, c10);
        c11 = a1.fma(b1, c11);
        FloatVector a2 = FloatVector.broadcast(F, a[ak + 2]);
        c20 = a2.fma(b0, c20);
        c21 = a2.fma(b1, c21);
        FloatVector a3 = FloatVector.broadcast(F, a[ak + 3]);
        c30 = a3.fma(b0, c30);
        c31 = a3.fma(b1, c31);
      }
      load(d, dAt).add(c00).intoArray(c, cAt);
      load(d, dAt + W).add(c01).intoArray(c, cAt + W);
      load(d, dAt + 2 * W).add(c10).intoArray(c, cAt + 2 * W);
      load(d, dAt + 3 * W).add(c11).intoArray(c, cAt + 3 * W);
      load(d, dAt + 4 * W).add(c20).intoArray(c, cAt + 4 * W);
      load(d, dAt + 5 * W).add(c21).intoArray(c, cAt + 5 * W);
      load(d, dAt + 6 * W).add(c30).intoArray(c, cAt + 6 * W);
      load(d, dAt + 7 * W).add(c31).intoArray(c, cAt + 7 * W);
    }
  }

  /** The register tile for 32 vector registers: 6 rows of 4 vectors. */
  private static final class WideRegisterTile {
    static final int ROWS = 6;
    static final int VECTORS = 4;

    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final int W = Lanes.COUNT;

    private WideRegisterTile() {}

    /** Computes {@code c = d + a b}; see {@link RegisterTile#multiply}. */
    static void multiply(
        float[] a, int aAt, float[] b, int bAt, int depth, float[] d, int dAt, float[] c, int cAt) {
      FloatVector c00 = FloatVector.zero(F);
      FloatVector c01 = FloatVector.zero(F);
      FloatVector c02 = FloatVector.zero(F);
      FloatVector c03 = FloatVector.zero(F);
      FloatVector c10 = FloatVector.zero(F);
      FloatVector c11 = FloatVector.zero(F);
      FloatVector c12 = FloatVector.zero(F);
      FloatVector c13 = FloatVector.zero(F);
      FloatVector c20 = FloatVector.zero(F);
      FloatVector c21 = FloatVector.zero(F);
      FloatVector c22 = FloatVector.zero(F);
      FloatVector c23 = FloatVector.zero(F);
      FloatVector c30 = FloatVector.zero(F);
      FloatVector c31 = FloatVector.zero(F);
      FloatVector c32 = FloatVector.zero(F);
      FloatVector c33 = FloatVector.zero(F);
      FloatVector c40 = FloatVector.zero(F);
      FloatVector c41 = FloatVector.zero(F);
      FloatVector c42 = FloatVector.zero(F);
      FloatVector c43 = FloatVector.zero(F);
      FloatVector c50 = FloatVector.zero(F);
      FloatVector c51 = FloatVector.zero(F);
      FloatVector c52 = FloatVector.zero(F);
      FloatVector c53 = FloatVector.zero(F);
      for (int k = 0; k < depth; k++) {
        int ak = aAt + k * ROWS;
        int bk = bAt + k * (VECTORS * W);
        FloatVector b0 = load(b, bk);
        FloatVector b1 = load(b, bk + W);
        FloatVector b2 = load(b, bk + 2 * W);
        FloatVector b3 = load(b, bk + 3 * W);
        FloatVector a0 = FloatVector.broadcast(F, a[ak]);
        c00 = a0.fma(b0, c00);
        c01 = a0.fma(b1, c01);
        c02 = a0.fma(b2, c02);
        c03 = a0.fma(b3, c03);
        FloatVector a1 = FloatVector.broadcast(F, a[ak + 1]);
        c10 = a1.fma(b0, c10);
        c11 = a1.fma(b1, c11);
        c12 = a1.fma(b2, c12);
        c13 = a1.fma(b3, c13);
        FloatVector a2 = FloatVector.broadcast(F, a[ak + 2]);
        c20 = a2.fma(b0, c20);
        c21 = a2.fma(b1, c21);
        c22 = a2.fma(b2, c22);
        c23 = a2.fma(b3, c23);
        FloatVector a3 = FloatVector.broadcast(F, a[ak + 3]);
        c30 = a3.fma(b0, c30);
        c31 = a3.fma(b1, c31);
        c32 = a3.fma(b2, c32);
        c33 = a3.fma(b3, c33);
        FloatVector a4 = FloatVector.broadcast(F, a[ak + 4]);
        c40 = a4.fma(b0, c40);
        c41 = a4.fma(b1, c41);
        c42 = a4.fma(b2, c42);
        c43 = a4.fma(b3, c43);
        FloatVector a5 = FloatVector.broadcast(F, a[ak + 5]);
        c50 = a5.fma(b0, c50);
        c51 = a5.fma(b1, c51);
        c52 = a5.fma(b2, c52);
        c53 = a5.fma(b3, c53);
      }
      // By Lanes.load, a call deeper, C2 no longer inlined these lines: each sum became an object,
      // and a calibrated run took 10 % longer.
      FloatVector.fromArray(F, d, dAt).add(c00).intoArray(c, cAt);
      FloatVector.fromArray(F, d, dAt + W).add(c01).intoArray(c, cAt + W);
      FloatVector.fromArray(F, d, dAt + 2 * W).add(c02).intoArray(c, cAt + 2 * W);
      FloatVector.fromArray(F, d, dAt + 3 * W).add(c03).intoArray(c, cAt + 3 * W);
      FloatVector.fromArray(F, d, dAt + 4 * W).add(c10).intoArray(c, cAt + 4 * W);
      FloatVector.fromArray(F, d, dAt + 5 * W).add(c11).intoArray(c, cAt + 5 * W);
      FloatVector.fromArray(F, d, dAt + 6 * W).add(c12).intoArray(c, cAt + 6 * W);
      FloatVector.fromArray(F, d, dAt + 7 * W).add(c13).intoArray(c, cAt + 7 * W);
      FloatVector.fromArray(F, d, dAt + 8 * W).add(c20).intoArray(c, cAt + 8 * W);
      FloatVector.fromArray(F, d, dAt + 9 * W).add(c21).intoArray(c, cAt + 9 * W);
      FloatVector.fromArray(F, d, dAt + 10 * W).add(c22).intoArray(c, cAt + 10 * W);
      FloatVector.fromArray(F, d, dAt + 11 * W).add(c23).intoArray(c, cAt + 11 * W);
      FloatVector.fromArray(F, d, dAt + 12 * W).add(c30).intoArray(c, cAt + 12 * W);
      FloatVector.fromArray(F, d, dAt + 13 * W).add(c31).intoArray(c, cAt + 13 * W);
      FloatVector.fromArray(F, d, dAt + 14 * W).add(c32).intoArray(c, cAt + 14 * W);
      FloatVector.fromArray(F, d, dAt + 15 * W).add(c33).intoArray(c, cAt + 15 * W);
      FloatVector.fromArray(F, d, dAt + 16 * W).add(c40).intoArray(c, cAt + 16 * W);
      FloatVector.fromArray(F, d, dAt + 17 * W).add(c41).intoArray(c, cAt + 17 * W);
      FloatVector.fromArray(F, d, dAt + 18 * W).add(c42).intoArray(c, cAt + 18 * W);
      FloatVector.fromArray(F, d, dAt + 19 * W).add(c43).intoArray(c, cAt + 19 * W);
      FloatVector.fromArray(F, d, dAt + 20 * W).add(c50).intoArray(c, cAt + 20 * W);
      FloatVector.fromArray(F, d, dAt + 21 * W).add(c51).intoArray(c, cAt + 21 * W);
      FloatVector.fromArray(F, d, dAt + 22 * W).add(c52).intoArray(c, cAt + 22 * W);
      FloatVector.fromArray(F, d, dAt + 23 * W).add(c53).intoArray(c, cAt + 23 * W);
    }
  }
}
