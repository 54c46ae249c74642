package io.github.wandacuda.forward.simd.sparse;

import static io.github.wandacuda.forward.simd.sparse.SparseBuffers.HALF;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Products of expanded rows of BF16. Each is a method of its own, small enough for the JIT to keep
 * all vectors in registers.
 */
final class BfloatRows {
  private static final long WORD = 0xffff_ffffL;

  private BfloatRows() {}

  /** Multiplies four rows of weights, whose values begin at these bytes, by one of activations. */
  static void four(MemorySegment values, long v0, long v1, long v2, long v3, SparseBuffers own) {
    int steps = own.steps;
    int[] bits = own.bits;
    float[] first = own.first;
    float[] second = own.second;
    FloatVector a00 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b00 = FloatVector.zero(Expansion.FLOATS);
    FloatVector a10 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b10 = FloatVector.zero(Expansion.FLOATS);
    FloatVector a20 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b20 = FloatVector.zero(Expansion.FLOATS);
    FloatVector a30 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b30 = FloatVector.zero(Expansion.FLOATS);
    long p0 = v0;
    long p1 = v1;
    long p2 = v2;
    long p3 = v3;
    for (int j = 0; j < steps; j++) {
      FloatVector e0 = FloatVector.fromArray(Expansion.FLOATS, first, j * HALF);
      FloatVector o0 = FloatVector.fromArray(Expansion.FLOATS, second, j * HALF);
      long m0 = bits[j] & WORD;
      IntVector w0 = Expansion.pairs(values, p0, m0);
      p0 += (long) Long.bitCount(m0) << 1;
      FloatVector lo0 = Expansion.lowBfloats(w0);
      FloatVector hi0 = Expansion.highBfloats(w0);
      a00 = lo0.fma(e0, a00);
      b00 = hi0.fma(o0, b00);
      long m1 = bits[steps + j] & WORD;
      IntVector w1 = Expansion.pairs(values, p1, m1);
      p1 += (long) Long.bitCount(m1) << 1;
      FloatVector lo1 = Expansion.lowBfloats(w1);
      FloatVector hi1 = Expansion.highBfloats(w1);
      a10 = lo1.fma(e0, a10);
      b10 = hi1.fma(o0, b10);
      long m2 = bits[2 * steps + j] & WORD;
      IntVector w2 = Expansion.pairs(values, p2, m2);
      p2 += (long) Long.bitCount(m2) << 1;
      FloatVector lo2 = Expansion.lowBfloats(w2);
      FloatVector hi2 = Expansion.highBfloats(w2);
      a20 = lo2.fma(e0, a20);
      b20 = hi2.fma(o0, b20);
      long m3 = bits[3 * steps + j] & WORD;
      IntVector w3 = Expansion.pairs(values, p3, m3);
      p3 += (long) Long.bitCount(m3) << 1;
      FloatVector lo3 = Expansion.lowBfloats(w3);
      FloatVector hi3 = Expansion.highBfloats(w3);
      a30 = lo3.fma(e0, a30);
      b30 = hi3.fma(o0, b30);
    }
    a00.intoArray(own.chains, 0);
    b00.intoArray(own.chains, HALF);
    a10.intoArray(own.chains, 2 * HALF);
    b10.intoArray(own.chains, 3 * HALF);
    a20.intoArray(own.chains, 4 * HALF);
    b20.intoArray(own.chains, 5 * HALF);
    a30.intoArray(own.chains, 6 * HALF);
    b30.intoArray(own.chains, 7 * HALF);
  }

  /** Multiplies two rows of weights by four of activations. */
  static void two(MemorySegment values, long v0, long v1, SparseBuffers own) {
    int steps = own.steps;
    int[] bits = own.bits;
    float[] first = own.first;
    float[] second = own.second;
    FloatVector a00 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b00 = FloatVector.zero(Expansion.FLOATS);
    FloatVector a01 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b01 = FloatVector.zero(Expansion.FLOATS);
    FloatVector a02 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b02 = FloatVector.zero(Expansion.FLOATS);
    FloatVector a03 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b03 = FloatVector.zero(Expansion.FLOATS);
    FloatVector a10 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b10 = FloatVector.zero(Expansion.FLOATS);
    FloatVector a11 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b11 = FloatVector.zero(Expansion.FLOATS);
    FloatVector a12 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b12 = FloatVector.zero(Expansion.FLOATS);
    FloatVector a13 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b13 = FloatVector.zero(Expansion.FLOATS);
    long p0 = v0;
    long p1 = v1;
    for (int j = 0; j < steps; j++) {
      FloatVector e0 = FloatVector.fromArray(Expansion.FLOATS, first, j * HALF);
      FloatVector o0 = FloatVector.fromArray(Expansion.FLOATS, second, j * HALF);
      FloatVector e1 = FloatVector.fromArray(Expansion.FLOATS, first, (1 * steps + j) * HALF);
      FloatVector o1 = FloatVector.fromArray(Expansion.FLOATS, second, (1 * steps + j) * HALF);
      FloatVector e2 = FloatVector.fromArray(Expansion.FLOATS, first, (2 * steps + j) * HALF);
      FloatVector o2 = FloatVector.fromArray(Expansion.FLOATS, second, (2 * steps + j) * HALF);
      FloatVector e3 = FloatVector.fromArray(Expansion.FLOATS, first, (3 * steps + j) * HALF);
      FloatVector o3 = FloatVector.fromArray(Expansion.FLOATS, second, (3 * steps + j) * HALF);
      long m0 = bits[j] & WORD;
      IntVector w0 = Expansion.pairs(values, p0, m0);
      p0 += (long) Long.bitCount(m0) << 1;
      FloatVector lo0 = Expansion.lowBfloats(w0);
      FloatVector hi0 = Expansion.highBfloats(w0);
      a00 = lo0.fma(e0, a00);
      b00 = hi0.fma(o0, b00);
      a01 = lo0.fma(e1, a01);
      b01 = hi0.fma(o1, b01);
      a02 = lo0.fma(e2, a02);
      b02 = hi0.fma(o2, b02);
      a03 = lo0.fma(e3, a03);
      b03 = hi0.fma(o3, b03);
      long m1 = bits[steps + j] & WORD;
      IntVector w1 = Expansion.pairs(values, p1, m1);
      p1 += (long) Long.bitCount(m1) << 1;
      FloatVector lo1 = Expansion.lowBfloats(w1);
      FloatVector hi1 = Expansion.highBfloats(w1);
      a10 = lo1.fma(e0, a10);
      b10 = hi1.fma(o0, b10);
      a11 = lo1.fma(e1, a11);
      b11 = hi1.fma(o1, b11);
      a12 = lo1.fma(e2, a12);
      b12 = hi1.fma(o2, b12);
      a13 = lo1.fma(e3, a13);
      b13 = hi1.fma(o3, b13);
    }
    a00.intoArray(own.chains, 0);
    b00.intoArray(own.chains, HALF);
    a01.intoArray(own.chains, 2 * HALF);
    b01.intoArray(own.chains, 3 * HALF);
    a02.intoArray(own.chains, 4 * HALF);
    b02.intoArray(own.chains, 5 * HALF);
    a03.intoArray(own.chains, 6 * HALF);
    b03.intoArray(own.chains, 7 * HALF);
    a10.intoArray(own.chains, 8 * HALF);
    b10.intoArray(own.chains, 9 * HALF);
    a11.intoArray(own.chains, 10 * HALF);
    b11.intoArray(own.chains, 11 * HALF);
    a12.intoArray(own.chains, 12 * HALF);
    b12.intoArray(own.chains, 13 * HALF);
    a13.intoArray(own.chains, 14 * HALF);
    b13.intoArray(own.chains, 15 * HALF);
  }

  /**
   * Multiplies a row of weights, reading not a byte beyond its values, by the activations from
   * {@code at} on.
   */
  static void one(MemorySegment values, long v0, SparseBuffers own, int at) {
    int steps = own.steps;
    int[] bits = own.bits;
    float[] first = own.first;
    float[] second = own.second;
    FloatVector a00 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b00 = FloatVector.zero(Expansion.FLOATS);
    long p0 = v0;
    for (int j = 0; j < steps; j++) {
      FloatVector e0 = FloatVector.fromArray(Expansion.FLOATS, first, at + j * HALF);
      FloatVector o0 = FloatVector.fromArray(Expansion.FLOATS, second, at + j * HALF);
      long m0 = bits[j] & WORD;
      IntVector w0 = Expansion.lastPairs(values, p0, m0);
      p0 += (long) Long.bitCount(m0) << 1;
      FloatVector lo0 = Expansion.lowBfloats(w0);
      FloatVector hi0 = Expansion.highBfloats(w0);
      a00 = lo0.fma(e0, a00);
      b00 = hi0.fma(o0, b00);
    }
    a00.intoArray(own.chains, 0);
    b00.intoArray(own.chains, HALF);
  }
}
