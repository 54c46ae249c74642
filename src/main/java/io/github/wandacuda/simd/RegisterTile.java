package io.github.wandacuda.simd;

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
   * {@link #multiply} needs no branch for the first run. A branch was never taken during the first
   * run of a matrix, so C2 compiled it as a trap, and the second run was interpreted for a third of
   * a second until it was compiled again.
   */
  public static final float[] NOTHING = new float[ROWS * COLUMNS];

  static {
    Arrays.fill(NOTHING, -0f);
  }

  private RegisterTile() {}

  /**
   * Computes {@code c[i, j] = before[i, j] + sum over k of a[k, i] * b[k, j]}, the sum fused, from
   * 0, in the order of k. All matrices are dense.
   *
   * @param a {@code depth} rows of {@link #ROWS} values
   * @param b {@code depth} rows of {@link #COLUMNS} values
   * @param depth terms of a sum, 0 or more
   * @param before {@link #ROWS} rows of {@link #COLUMNS} values; {@link #NOTHING} for none
   * @param c likewise; may be {@code before}
   */
  public static void multiply(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] before,
      int beforeOffset,
      float[] c,
      int cOffset) {
    if (WIDE) {
      WideRegisterTile.multiply(a, aOffset, b, bOffset, depth, before, beforeOffset, c, cOffset);
    } else {
      NarrowRegisterTile.multiply(a, aOffset, b, bOffset, depth, before, beforeOffset, c, cOffset);
    }
  }

  /**
   * Computes the second half of the columns of what {@link #multiply} computes with {@link
   * #NOTHING} before it; of the first half, nothing or as much as it takes.
   */
  public static void multiplyRightHalf(
      float[] a, int aOffset, float[] b, int bOffset, int depth, float[] c) {
    if (WIDE) {
      WideRegisterTile.multiplyRightHalf(a, aOffset, b, bOffset, depth, c);
    } else {
      NarrowRegisterTile.multiply(a, aOffset, b, bOffset, depth, NOTHING, 0, c, 0);
    }
  }

  /** Returns {@code count} rounded up to whole tiles' rows. */
  public static int wholeRows(int count) {
    return Math.ceilDiv(count, ROWS) * ROWS;
  }

  /** Returns {@code count} rounded up to whole tiles' columns. */
  public static int wholeColumns(int count) {
    return Math.ceilDiv(count, COLUMNS) * COLUMNS;
  }

  /** The register tile for 16 vector registers: 4 rows of 2 vectors. */
  private static final class NarrowRegisterTile {
    static final int ROWS = 4;
    static final int VECTORS = 2;

    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final int W = Lanes.COUNT;

    private NarrowRegisterTile() {}

    /** See {@link RegisterTile#multiply}. */
    static void multiply(
        float[] a,
        int aOffset,
        float[] b,
        int bOffset,
        int depth,
        float[] before,
        int beforeOffset,
        float[] c,
        int cOffset) {
      FloatVector c00 = FloatVector.zero(F);
      FloatVector c01 = FloatVector.zero(F);
      FloatVector c10 = FloatVector.zero(F);
      FloatVector c11 = FloatVector.zero(F);
      FloatVector c20 = FloatVector.zero(F);
      FloatVector c21 = FloatVector.zero(F);
      FloatVector c30 = FloatVector.zero(F);
      FloatVector c31 = FloatVector.zero(F);
      for (int k = 0; k < depth; k++) {
        int ak = aOffset + k * ROWS;
        int bk = bOffset + k * (VECTORS * W);
        FloatVector b0 = FloatVector.fromArray(F, b, bk);
        FloatVector b1 = FloatVector.fromArray(F, b, bk + W);
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
      c00 = FloatVector.fromArray(F, before, beforeOffset).add(c00);
      c01 = FloatVector.fromArray(F, before, beforeOffset + W).add(c01);
      c10 = FloatVector.fromArray(F, before, beforeOffset + 2 * W).add(c10);
      c11 = FloatVector.fromArray(F, before, beforeOffset + 3 * W).add(c11);
      c20 = FloatVector.fromArray(F, before, beforeOffset + 4 * W).add(c20);
      c21 = FloatVector.fromArray(F, before, beforeOffset + 5 * W).add(c21);
      c30 = FloatVector.fromArray(F, before, beforeOffset + 6 * W).add(c30);
      c31 = FloatVector.fromArray(F, before, beforeOffset + 7 * W).add(c31);
      c00.intoArray(c, cOffset);
      c01.intoArray(c, cOffset + W);
      c10.intoArray(c, cOffset + 2 * W);
      c11.intoArray(c, cOffset + 3 * W);
      c20.intoArray(c, cOffset + 4 * W);
      c21.intoArray(c, cOffset + 5 * W);
      c30.intoArray(c, cOffset + 6 * W);
      c31.intoArray(c, cOffset + 7 * W);
    }
  }
}
