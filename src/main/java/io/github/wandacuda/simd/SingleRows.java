package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.ColumnBlocks.HALF;
import static io.github.wandacuda.simd.ColumnBlocks.MOST_WORDS;
import static io.github.wandacuda.simd.ColumnBlocks.TOGETHER;
import static io.github.wandacuda.simd.ColumnBlocks.WORD;
import static io.github.wandacuda.simd.Expansion.load;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** What {@link BfloatRows} does with weights of BF16, with weights of F32. */
final class SingleRows {
  private static final long BITS = 0xffff;

  private SingleRows() {}

  static void four(
      MemorySegment values, long[] at, int[] bits, int words, float[] x, float[] chains) {
    FloatVector a0 = load(chains, 0);
    FloatVector b0 = load(chains, HALF);
    FloatVector a1 = load(chains, 2 * HALF);
    FloatVector b1 = load(chains, 3 * HALF);
    FloatVector a2 = load(chains, 4 * HALF);
    FloatVector b2 = load(chains, 5 * HALF);
    FloatVector a3 = load(chains, 6 * HALF);
    FloatVector b3 = load(chains, 7 * HALF);
    long p0 = at[0];
    long p1 = at[1];
    long p2 = at[2];
    long p3 = at[3];
    int halves = 2 * Math.min(words, MOST_WORDS);
    // Chains 0 to 15 and 16 to 31 take turns.
    for (int j = 0; j < halves; j++) {
      int half = j % 2 * HALF;
      FloatVector factor = load(x, j * HALF);
      long m0 = bits[j / 2] >>> half & BITS;
      FloatVector w0 = Expansion.floats(values, p0, m0);
      p0 += (long) Long.bitCount(m0) << 2;
      FloatVector n0 = w0.fma(factor, a0);
      a0 = b0;
      b0 = n0;
      long m1 = bits[j / 2 + MOST_WORDS] >>> half & BITS;
      FloatVector w1 = Expansion.floats(values, p1, m1);
      p1 += (long) Long.bitCount(m1) << 2;
      FloatVector n1 = w1.fma(factor, a1);
      a1 = b1;
      b1 = n1;
      long m2 = bits[j / 2 + 2 * MOST_WORDS] >>> half & BITS;
      FloatVector w2 = Expansion.floats(values, p2, m2);
      p2 += (long) Long.bitCount(m2) << 2;
      FloatVector n2 = w2.fma(factor, a2);
      a2 = b2;
      b2 = n2;
      long m3 = bits[j / 2 + 3 * MOST_WORDS] >>> half & BITS;
      FloatVector w3 = Expansion.floats(values, p3, m3);
      p3 += (long) Long.bitCount(m3) << 2;
      FloatVector n3 = w3.fma(factor, a3);
      a3 = b3;
      b3 = n3;
    }
    at[0] = p0;
    at[1] = p1;
    at[2] = p2;
    at[3] = p3;
    a0.intoArray(chains, 0);
    b0.intoArray(chains, HALF);
    a1.intoArray(chains, 2 * HALF);
    b1.intoArray(chains, 3 * HALF);
    a2.intoArray(chains, 4 * HALF);
    b2.intoArray(chains, 5 * HALF);
    a3.intoArray(chains, 6 * HALF);
    b3.intoArray(chains, 7 * HALF);
  }

  static void two(
      MemorySegment values, long[] at, int row, int[] bits, int words, float[] x, float[] chains) {
    int to = row * TOGETHER * WORD;
    FloatVector a00 = load(chains, to);
    FloatVector b00 = load(chains, to + HALF);
    FloatVector a01 = load(chains, to + 2 * HALF);
    FloatVector b01 = load(chains, to + 3 * HALF);
    FloatVector a02 = load(chains, to + 4 * HALF);
    FloatVector b02 = load(chains, to + 5 * HALF);
    FloatVector a03 = load(chains, to + 6 * HALF);
    FloatVector b03 = load(chains, to + 7 * HALF);
    FloatVector a10 = load(chains, to + 8 * HALF);
    FloatVector b10 = load(chains, to + 9 * HALF);
    FloatVector a11 = load(chains, to + 10 * HALF);
    FloatVector b11 = load(chains, to + 11 * HALF);
    FloatVector a12 = load(chains, to + 12 * HALF);
    FloatVector b12 = load(chains, to + 13 * HALF);
    FloatVector a13 = load(chains, to + 14 * HALF);
    FloatVector b13 = load(chains, to + 15 * HALF);
    long p0 = at[row];
    long p1 = at[row + 1];
    int first = row * MOST_WORDS;
    int halves = 2 * Math.min(words, MOST_WORDS);
    // Chains 0 to 15 and 16 to 31 take turns.
    for (int j = 0; j < halves; j++) {
      int half = j % 2 * HALF;
      int from = j / 2 * (TOGETHER * WORD) + half;
      FloatVector x0 = load(x, from);
      FloatVector x1 = load(x, from + WORD);
      FloatVector x2 = load(x, from + 2 * WORD);
      FloatVector x3 = load(x, from + 3 * WORD);
      long m0 = bits[first + j / 2] >>> half & BITS;
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
      long m1 = bits[first + j / 2 + MOST_WORDS] >>> half & BITS;
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
    at[row] = p0;
    at[row + 1] = p1;
    a00.intoArray(chains, to);
    b00.intoArray(chains, to + HALF);
    a01.intoArray(chains, to + 2 * HALF);
    b01.intoArray(chains, to + 3 * HALF);
    a02.intoArray(chains, to + 4 * HALF);
    b02.intoArray(chains, to + 5 * HALF);
    a03.intoArray(chains, to + 6 * HALF);
    b03.intoArray(chains, to + 7 * HALF);
    a10.intoArray(chains, to + 8 * HALF);
    b10.intoArray(chains, to + 9 * HALF);
    a11.intoArray(chains, to + 10 * HALF);
    b11.intoArray(chains, to + 11 * HALF);
    a12.intoArray(chains, to + 12 * HALF);
    b12.intoArray(chains, to + 13 * HALF);
    a13.intoArray(chains, to + 14 * HALF);
    b13.intoArray(chains, to + 15 * HALF);
  }

  static void one(
      MemorySegment values,
      long[] at,
      int[] bits,
      int words,
      float[] x,
      int token,
      int tokens,
      float[] chains) {
    int from = token * WORD;
    int step = tokens * WORD;
    FloatVector a = load(chains, from);
    FloatVector b = load(chains, from + HALF);
    long p = at[0];
    for (int j = 0; j < 2 * words; j++) {
      int half = j % 2 * HALF;
      long m = bits[j / 2] >>> half & BITS;
      FloatVector w = Expansion.lastFloats(values, p, m);
      p += (long) Long.bitCount(m) << 2;
      FloatVector n = w.fma(load(x, from + j / 2 * step + half), a);
      a = b;
      b = n;
    }
    at[0] = p;
    a.intoArray(chains, from);
    b.intoArray(chains, from + HALF);
  }
}
