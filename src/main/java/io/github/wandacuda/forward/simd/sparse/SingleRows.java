package io.github.wandacuda.forward.simd.sparse;

import static io.github.wandacuda.forward.simd.sparse.SparseBuffers.HALF;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Products of expanded rows of F32. Each is a method of its own, small enough for the JIT to keep
 * all vectors in registers.
 */
final class SingleRows {
  private static final long HALF_WORD = 0xffff;

  private SingleRows() {}

  /** Multiplies four rows of weights, whose values begin at these bytes, by one of activations. */
  static void four(MemorySegment values, long v0, long v1, long v2, long v3, SparseBuffers own) {
    int steps = own.steps;
    int[] bits = own.bits;
    float[] x = own.first;
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
    // Chains 0 to 15 and 16 to 31 take turns.
    for (int j = 0; j < 2 * steps; j++) {
      int half = j % 2 * HALF;
      FloatVector x0 = FloatVector.fromArray(Expansion.FLOATS, x, j * HALF);
      long m0 = bits[j / 2] >>> half & HALF_WORD;
      FloatVector w0 = Expansion.floats(values, p0, m0);
      p0 += (long) Long.bitCount(m0) << 2;
      FloatVector n00 = w0.fma(x0, a00);
      a00 = b00;
      b00 = n00;
      long m1 = bits[steps + j / 2] >>> half & HALF_WORD;
      FloatVector w1 = Expansion.floats(values, p1, m1);
      p1 += (long) Long.bitCount(m1) << 2;
      FloatVector n10 = w1.fma(x0, a10);
      a10 = b10;
      b10 = n10;
      long m2 = bits[2 * steps + j / 2] >>> half & HALF_WORD;
      FloatVector w2 = Expansion.floats(values, p2, m2);
      p2 += (long) Long.bitCount(m2) << 2;
      FloatVector n20 = w2.fma(x0, a20);
      a20 = b20;
      b20 = n20;
      long m3 = bits[3 * steps + j / 2] >>> half & HALF_WORD;
      FloatVector w3 = Expansion.floats(values, p3, m3);
      p3 += (long) Long.bitCount(m3) << 2;
      FloatVector n30 = w3.fma(x0, a30);
      a30 = b30;
      b30 = n30;
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
    float[] x = own.first;
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
    // Chains 0 to 15 and 16 to 31 take turns.
    for (int j = 0; j < 2 * steps; j++) {
      int half = j % 2 * HALF;
      FloatVector x0 = FloatVector.fromArray(Expansion.FLOATS, x, j * HALF);
      FloatVector x1 = FloatVector.fromArray(Expansion.FLOATS, x, (2 * steps + j) * HALF);
      FloatVector x2 = FloatVector.fromArray(Expansion.FLOATS, x, (4 * steps + j) * HALF);
      FloatVector x3 = FloatVector.fromArray(Expansion.FLOATS, x, (6 * steps + j) * HALF);
      long m0 = bits[j / 2] >>> half & HALF_WORD;
      FloatVector w0 = Expansion.floats(values, p0, m0);
      p0 += (long) Long.bitCount(m0) << 2;
      FloatVector n00 = w0.fma(x0, a00);
      a00 = b00;
      b00 = n00;
      FloatVector n01 = w0.fma(x1, a01);
      a01 = b01;
      b01 = n01;
      FloatVector n02 = w0.fma(x2, a02);
      a02 = b02;
      b02 = n02;
      FloatVector n03 = w0.fma(x3, a03);
      a03 = b03;
      b03 = n03;
      long m1 = bits[steps + j / 2] >>> half & HALF_WORD;
      FloatVector w1 = Expansion.floats(values, p1, m1);
      p1 += (long) Long.bitCount(m1) << 2;
      FloatVector n10 = w1.fma(x0, a10);
      a10 = b10;
      b10 = n10;
      FloatVector n11 = w1.fma(x1, a11);
      a11 = b11;
      b11 = n11;
      FloatVector n12 = w1.fma(x2, a12);
      a12 = b12;
      b12 = n12;
      FloatVector n13 = w1.fma(x3, a13);
      a13 = b13;
      b13 = n13;
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
    float[] x = own.first;
    FloatVector a00 = FloatVector.zero(Expansion.FLOATS);
    FloatVector b00 = FloatVector.zero(Expansion.FLOATS);
    long p0 = v0;
    // Chains 0 to 15 and 16 to 31 take turns.
    for (int j = 0; j < 2 * steps; j++) {
      int half = j % 2 * HALF;
      FloatVector x0 = FloatVector.fromArray(Expansion.FLOATS, x, at + j * HALF);
      long m0 = bits[j / 2] >>> half & HALF_WORD;
      FloatVector w0 = Expansion.lastFloats(values, p0, m0);
      p0 += (long) Long.bitCount(m0) << 2;
      FloatVector n00 = w0.fma(x0, a00);
      a00 = b00;
      b00 = n00;
    }
    a00.intoArray(own.chains, 0);
    b00.intoArray(own.chains, HALF);
  }
}
