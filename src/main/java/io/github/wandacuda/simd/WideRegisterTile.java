package io.github.wandacuda.simd;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** The register tile for 32 vector registers: 6 rows of 4 vectors. */
final class WideRegisterTile {
  static final int ROWS = 6;
  static final int VECTORS = 4;

  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final int W = Lanes.COUNT;

  private WideRegisterTile() {}

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
      int ak = aOffset + k * ROWS;
      int bk = bOffset + k * (VECTORS * W);
      FloatVector b0 = FloatVector.fromArray(F, b, bk);
      FloatVector b1 = FloatVector.fromArray(F, b, bk + W);
      FloatVector b2 = FloatVector.fromArray(F, b, bk + 2 * W);
      FloatVector b3 = FloatVector.fromArray(F, b, bk + 3 * W);
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
    c00 = FloatVector.fromArray(F, before, beforeOffset).add(c00);
    c01 = FloatVector.fromArray(F, before, beforeOffset + W).add(c01);
    c02 = FloatVector.fromArray(F, before, beforeOffset + 2 * W).add(c02);
    c03 = FloatVector.fromArray(F, before, beforeOffset + 3 * W).add(c03);
    c10 = FloatVector.fromArray(F, before, beforeOffset + 4 * W).add(c10);
    c11 = FloatVector.fromArray(F, before, beforeOffset + 5 * W).add(c11);
    c12 = FloatVector.fromArray(F, before, beforeOffset + 6 * W).add(c12);
    c13 = FloatVector.fromArray(F, before, beforeOffset + 7 * W).add(c13);
    c20 = FloatVector.fromArray(F, before, beforeOffset + 8 * W).add(c20);
    c21 = FloatVector.fromArray(F, before, beforeOffset + 9 * W).add(c21);
    c22 = FloatVector.fromArray(F, before, beforeOffset + 10 * W).add(c22);
    c23 = FloatVector.fromArray(F, before, beforeOffset + 11 * W).add(c23);
    c30 = FloatVector.fromArray(F, before, beforeOffset + 12 * W).add(c30);
    c31 = FloatVector.fromArray(F, before, beforeOffset + 13 * W).add(c31);
    c32 = FloatVector.fromArray(F, before, beforeOffset + 14 * W).add(c32);
    c33 = FloatVector.fromArray(F, before, beforeOffset + 15 * W).add(c33);
    c40 = FloatVector.fromArray(F, before, beforeOffset + 16 * W).add(c40);
    c41 = FloatVector.fromArray(F, before, beforeOffset + 17 * W).add(c41);
    c42 = FloatVector.fromArray(F, before, beforeOffset + 18 * W).add(c42);
    c43 = FloatVector.fromArray(F, before, beforeOffset + 19 * W).add(c43);
    c50 = FloatVector.fromArray(F, before, beforeOffset + 20 * W).add(c50);
    c51 = FloatVector.fromArray(F, before, beforeOffset + 21 * W).add(c51);
    c52 = FloatVector.fromArray(F, before, beforeOffset + 22 * W).add(c52);
    c53 = FloatVector.fromArray(F, before, beforeOffset + 23 * W).add(c53);
    c00.intoArray(c, cOffset);
    c01.intoArray(c, cOffset + W);
    c02.intoArray(c, cOffset + 2 * W);
    c03.intoArray(c, cOffset + 3 * W);
    c10.intoArray(c, cOffset + 4 * W);
    c11.intoArray(c, cOffset + 5 * W);
    c12.intoArray(c, cOffset + 6 * W);
    c13.intoArray(c, cOffset + 7 * W);
    c20.intoArray(c, cOffset + 8 * W);
    c21.intoArray(c, cOffset + 9 * W);
    c22.intoArray(c, cOffset + 10 * W);
    c23.intoArray(c, cOffset + 11 * W);
    c30.intoArray(c, cOffset + 12 * W);
    c31.intoArray(c, cOffset + 13 * W);
    c32.intoArray(c, cOffset + 14 * W);
    c33.intoArray(c, cOffset + 15 * W);
    c40.intoArray(c, cOffset + 16 * W);
    c41.intoArray(c, cOffset + 17 * W);
    c42.intoArray(c, cOffset + 18 * W);
    c43.intoArray(c, cOffset + 19 * W);
    c50.intoArray(c, cOffset + 20 * W);
    c51.intoArray(c, cOffset + 21 * W);
    c52.intoArray(c, cOffset + 22 * W);
    c53.intoArray(c, cOffset + 23 * W);
  }

  /** See {@link RegisterTile#multiplyRightHalf}. */
  static void multiplyRightHalf(
      float[] a, int aOffset, float[] b, int bOffset, int depth, float[] c) {
    FloatVector c02 = FloatVector.zero(F);
    FloatVector c03 = FloatVector.zero(F);
    FloatVector c12 = FloatVector.zero(F);
    FloatVector c13 = FloatVector.zero(F);
    FloatVector c22 = FloatVector.zero(F);
    FloatVector c23 = FloatVector.zero(F);
    FloatVector c32 = FloatVector.zero(F);
    FloatVector c33 = FloatVector.zero(F);
    FloatVector c42 = FloatVector.zero(F);
    FloatVector c43 = FloatVector.zero(F);
    FloatVector c52 = FloatVector.zero(F);
    FloatVector c53 = FloatVector.zero(F);
    for (int k = 0; k < depth; k++) {
      int ak = aOffset + k * ROWS;
      int bk = bOffset + k * (VECTORS * W);
      FloatVector b2 = FloatVector.fromArray(F, b, bk + 2 * W);
      FloatVector b3 = FloatVector.fromArray(F, b, bk + 3 * W);
      FloatVector a0 = FloatVector.broadcast(F, a[ak]);
      c02 = a0.fma(b2, c02);
      c03 = a0.fma(b3, c03);
      FloatVector a1 = FloatVector.broadcast(F, a[ak + 1]);
      c12 = a1.fma(b2, c12);
      c13 = a1.fma(b3, c13);
      FloatVector a2 = FloatVector.broadcast(F, a[ak + 2]);
      c22 = a2.fma(b2, c22);
      c23 = a2.fma(b3, c23);
      FloatVector a3 = FloatVector.broadcast(F, a[ak + 3]);
      c32 = a3.fma(b2, c32);
      c33 = a3.fma(b3, c33);
      FloatVector a4 = FloatVector.broadcast(F, a[ak + 4]);
      c42 = a4.fma(b2, c42);
      c43 = a4.fma(b3, c43);
      FloatVector a5 = FloatVector.broadcast(F, a[ak + 5]);
      c52 = a5.fma(b2, c52);
      c53 = a5.fma(b3, c53);
    }
    c02.intoArray(c, 2 * W);
    c03.intoArray(c, 3 * W);
    c12.intoArray(c, 6 * W);
    c13.intoArray(c, 7 * W);
    c22.intoArray(c, 10 * W);
    c23.intoArray(c, 11 * W);
    c32.intoArray(c, 14 * W);
    c33.intoArray(c, 15 * W);
    c42.intoArray(c, 18 * W);
    c43.intoArray(c, 19 * W);
    c52.intoArray(c, 22 * W);
    c53.intoArray(c, 23 * W);
  }
}
