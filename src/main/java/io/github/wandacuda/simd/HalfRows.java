package io.github.wandacuda.simd;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;

/**
 * Rows of F16, expanded to an array of their columns. To widen and multiply them in the same loop
 * would be more than the JIT inlines, so {@link PanelSums} does that.
 */
final class HalfRows {
  private static final long WORD = 0xffff_ffffL;

  private HalfRows() {}

  /** Expands four rows of weights, whose values begin at these bytes. */
  static void four(MemorySegment values, long v0, long v1, long v2, long v3, SparseBuffers own) {
    int steps = own.steps;
    int[] bits = own.bits;
    short[] halves = own.halves;
    int row = steps * SparseBuffers.STEP;
    long p0 = v0;
    long p1 = v1;
    long p2 = v2;
    long p3 = v3;
    for (int j = 0; j < steps; j++) {
      int column = j * SparseBuffers.STEP;
      long m0 = bits[j] & WORD;
      Expansion.halves(values, p0, m0).intoArray(halves, column);
      p0 += (long) Long.bitCount(m0) << 1;
      long m1 = bits[steps + j] & WORD;
      Expansion.halves(values, p1, m1).intoArray(halves, row + column);
      p1 += (long) Long.bitCount(m1) << 1;
      long m2 = bits[2 * steps + j] & WORD;
      Expansion.halves(values, p2, m2).intoArray(halves, 2 * row + column);
      p2 += (long) Long.bitCount(m2) << 1;
      long m3 = bits[3 * steps + j] & WORD;
      Expansion.halves(values, p3, m3).intoArray(halves, 3 * row + column);
      p3 += (long) Long.bitCount(m3) << 1;
    }
  }

  /** Expands a row, reading not a byte beyond its values. */
  static void one(MemorySegment values, long from, SparseBuffers own) {
    long at = from;
    for (int j = 0; j < own.steps; j++) {
      long bits = own.bits[j] & WORD;
      VectorMask<Short> there =
          VectorMask.fromLong(Expansion.SHORTS, (1L << Long.bitCount(bits)) - 1);
      ShortVector.fromMemorySegment(Expansion.SHORTS, values, at, Expansion.ORDER, there)
          .expand(VectorMask.fromLong(Expansion.SHORTS, bits))
          .intoArray(own.halves, j * SparseBuffers.STEP);
      at += (long) Long.bitCount(bits) << 1;
    }
  }

  /** Widens an expanded row; the JIT makes the processor's own instruction of this loop. */
  static void widen(SparseBuffers own, int place) {
    int count = own.steps * SparseBuffers.STEP;
    short[] halves = own.halves;
    float[] panel = own.panel;
    int from = place * count;
    for (int i = 0; i < count; i++) {
      panel[i] = Float.float16ToFloat(halves[from + i]);
    }
  }
}
