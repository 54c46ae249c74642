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
   * @param b {@code depth} rows of {@link #COLUMNS} values
   * @param depth terms of a sum, 0 or more
   * @param first whether the sums are the first of c, whose content doesn't count then
   * @param c {@link #ROWS} rows of {@link #COLUMNS} values
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

  /**
   * Computes the second half of the columns of what {@link #multiply} computes with {@link
   * #NOTHING} before it; of the first half, nothing or as much as it takes.
   */
  public static void multiplyRightHalf(
      float[] a, int aAt, float[] b, int bAt, int depth, float[] c) {
    if (WIDE) {
      WideRegisterTile.multiplyRightHalf(a, aAt, b, bAt, depth, c);
    } else {
      NarrowRegisterTile.multiply(a, aAt, b, bAt, depth, NOTHING, 0, c, 0);
    }
  }

  public static int wholeRows(int count) {
    return Math.ceilDiv(count, ROWS) * ROWS;
  }

  public static int wholeColumns(int count) {
    return Math.ceilDiv(count, COLUMNS) * COLUMNS;
  }

  /** Returns {@code array}, or a new one if it has less than {@code rows * columns} elements. */
  public static float[] grown(float[] array, int rows, int columns) {
    int needed = Math.multiplyExact(rows, columns);
    return array.length < needed ? new float[needed] : array;
  }

  /**
   * Writes one row as a column of a matrix whose rows have {@code width} elements: element k is
   * written to {@code to[toOffset + k * width]}.
   */
  public static void stand(
      float[] from, int fromOffset, int depth, float[] to, int toOffset, int width) {
    for (int k = 0; k < depth; k++) {
      to[toOffset + k * width] = from[fromOffset + k];
    }
  }

  /**
   * Writes {@code rows} rows of {@code depth} elements, {@code stride} apart, as consecutive
   * columns of a matrix whose rows have {@code width} elements. Columns from {@code rows} on are
   * unchanged.
   */
  public static void stand(
      float[] from,
      int fromOffset,
      int stride,
      int rows,
      int depth,
      float[] to,
      int toOffset,
      int width) {
    for (int row = 0; row < rows; row++) {
      stand(from, fromOffset + row * stride, depth, to, toOffset + row, width);
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
}
