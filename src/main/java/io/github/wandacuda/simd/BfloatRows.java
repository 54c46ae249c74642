package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.ColumnBlocks.HALF;
import static io.github.wandacuda.simd.ColumnBlocks.MOST_WORDS;
import static io.github.wandacuda.simd.ColumnBlocks.TOGETHER;
import static io.github.wandacuda.simd.ColumnBlocks.WORD;
import static io.github.wandacuda.simd.Expansion.load;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Products of a block of columns and weights of BF16. Each method continues chains and advances
 * {@code at}, the byte offsets at which the rows' values begin. The methods are separate and small
 * enough for the JIT to keep all vectors in registers: beyond a certain size it stops inlining. A
 * known bound of the words saves it the loop's safepoints, and registers.
 */
final class BfloatRows {
  private static final long BITS = 0xffff_ffffL;

  private BfloatRows() {}

  /**
   * Multiplies four rows of weights by one of activations.
   *
   * @param values the stored values of the matrix
   * @param at where the next value of each row is in {@code values}, in bytes; advanced
   * @param bits the rows' bits of this block, {@code words} for each
   * @param words 32 columns each
   * @param x activations of the block
   * @param chains the running sums, which are continued
   */
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
    int count = Math.min(words, MOST_WORDS);
    for (int j = 0; j < count; j++) {
      FloatVector even = load(x, j * WORD);
      FloatVector odd = load(x, j * WORD + HALF);
      long m0 = bits[j] & BITS;
      IntVector w0 = Expansion.pairs(values, p0, m0);
      p0 += (long) Long.bitCount(m0) << 1;
      a0 = Expansion.lowBfloats(w0).fma(even, a0);
      b0 = Expansion.highBfloats(w0).fma(odd, b0);
      long m1 = bits[j + MOST_WORDS] & BITS;
      IntVector w1 = Expansion.pairs(values, p1, m1);
      p1 += (long) Long.bitCount(m1) << 1;
      a1 = Expansion.lowBfloats(w1).fma(even, a1);
      b1 = Expansion.highBfloats(w1).fma(odd, b1);
      long m2 = bits[j + 2 * MOST_WORDS] & BITS;
      IntVector w2 = Expansion.pairs(values, p2, m2);
      p2 += (long) Long.bitCount(m2) << 1;
      a2 = Expansion.lowBfloats(w2).fma(even, a2);
      b2 = Expansion.highBfloats(w2).fma(odd, b2);
      long m3 = bits[j + 3 * MOST_WORDS] & BITS;
      IntVector w3 = Expansion.pairs(values, p3, m3);
      p3 += (long) Long.bitCount(m3) << 1;
      a3 = Expansion.lowBfloats(w3).fma(even, a3);
      b3 = Expansion.highBfloats(w3).fma(odd, b3);
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

  /**
   * Multiplies two rows of weights by four of activations.
   *
   * @param row the number of the first of the two among the rows whose bits were read together
   */
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
    int count = Math.min(words, MOST_WORDS);
    for (int j = 0; j < count; j++) {
      int from = j * TOGETHER * WORD;
      FloatVector e0 = load(x, from);
      FloatVector o0 = load(x, from + HALF);
      FloatVector e1 = load(x, from + 2 * HALF);
      FloatVector o1 = load(x, from + 3 * HALF);
      FloatVector e2 = load(x, from + 4 * HALF);
      FloatVector o2 = load(x, from + 5 * HALF);
      FloatVector e3 = load(x, from + 6 * HALF);
      FloatVector o3 = load(x, from + 7 * HALF);
      long m0 = bits[first + j] & BITS;
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
      long m1 = bits[first + j + MOST_WORDS] & BITS;
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

  /**
   * Multiplies the first row of weights by one row of activations, and reads no byte beyond the
   * row's values.
   *
   * @param token which row of activations
   * @param tokens how many there are
   */
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
    for (int j = 0; j < words; j++) {
      long m = bits[j] & BITS;
      IntVector w = Expansion.lastPairs(values, p, m);
      p += (long) Long.bitCount(m) << 1;
      a = Expansion.lowBfloats(w).fma(load(x, from + j * step), a);
      b = Expansion.highBfloats(w).fma(load(x, from + j * step + HALF), b);
    }
    at[0] = p;
    a.intoArray(chains, from);
    b.intoArray(chains, from + HALF);
  }
}
