package io.github.wandacuda.simd;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** The register tile for 16 vector registers: 4 rows of 2 vectors. */
final class NarrowRegisterTile {
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
