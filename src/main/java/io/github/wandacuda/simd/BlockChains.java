package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.FeatureBlocks.highBfloats;
import static io.github.wandacuda.simd.FeatureBlocks.lowBfloats;
import static io.github.wandacuda.simd.FeatureBlocks.pairs;
import static io.github.wandacuda.simd.Lanes.load;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Chains of fused multiply-adds of one row of activations and some blocks of features, which are
 * read side by side; one method a type of weights. Each is small enough for the JIT to keep all
 * vectors in registers: with six loads from a segment instead of four it gives up, and takes three
 * times as long. Chains are those of a block after those of the block before.
 */
final class BlockChains {
  private static final int W = Lanes.COUNT;

  /** Bytes of a vector. */
  private static final int STEP = W * Float.BYTES;

  private BlockChains() {}

  /**
   * Multiplies two blocks of float32.
   *
   * @param a the offset of the first block's first column
   * @param b that of the second one's
   * @param depth columns
   * @param at the first activation
   */
  static void floats(
      MemorySegment weights, long a, long b, int depth, float[] x, int at, float[] chains, int to) {
    FloatVector a0 = load(chains, to);
    FloatVector a1 = load(chains, to + W);
    FloatVector b0 = load(chains, to + 2 * W);
    FloatVector b1 = load(chains, to + 3 * W);
    for (int k = 0; k < depth; k++) {
      long step = (long) k * (2 * STEP);
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, x[at + k]);
      a0 = factor.fma(FeatureBlocks.floats(weights, a + step), a0);
      a1 = factor.fma(FeatureBlocks.floats(weights, a + step + STEP), a1);
      b0 = factor.fma(FeatureBlocks.floats(weights, b + step), b0);
      b1 = factor.fma(FeatureBlocks.floats(weights, b + step + STEP), b1);
    }
    a0.intoArray(chains, to);
    a1.intoArray(chains, to + W);
    b0.intoArray(chains, to + 2 * W);
    b1.intoArray(chains, to + 3 * W);
  }

  /**
   * Multiplies four blocks of BF16.
   *
   * @param a the offset of the first block's first column, and so on
   * @param depth columns
   * @param at the first activation
   */
  static void bfloats(
      MemorySegment weights,
      long a,
      long b,
      long c,
      long d,
      int depth,
      float[] x,
      int at,
      float[] chains,
      int to) {
    FloatVector a0 = load(chains, to);
    FloatVector a1 = load(chains, to + W);
    FloatVector b0 = load(chains, to + 2 * W);
    FloatVector b1 = load(chains, to + 3 * W);
    FloatVector c0 = load(chains, to + 4 * W);
    FloatVector c1 = load(chains, to + 5 * W);
    FloatVector d0 = load(chains, to + 6 * W);
    FloatVector d1 = load(chains, to + 7 * W);
    for (int k = 0; k < depth; k++) {
      long step = (long) k * STEP;
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, x[at + k]);
      IntVector first = pairs(weights, a + step);
      IntVector second = pairs(weights, b + step);
      IntVector third = pairs(weights, c + step);
      IntVector fourth = pairs(weights, d + step);
      a0 = factor.fma(lowBfloats(first), a0);
      a1 = factor.fma(highBfloats(first), a1);
      b0 = factor.fma(lowBfloats(second), b0);
      b1 = factor.fma(highBfloats(second), b1);
      c0 = factor.fma(lowBfloats(third), c0);
      c1 = factor.fma(highBfloats(third), c1);
      d0 = factor.fma(lowBfloats(fourth), d0);
      d1 = factor.fma(highBfloats(fourth), d1);
    }
    a0.intoArray(chains, to);
    a1.intoArray(chains, to + W);
    b0.intoArray(chains, to + 2 * W);
    b1.intoArray(chains, to + 3 * W);
    c0.intoArray(chains, to + 4 * W);
    c1.intoArray(chains, to + 5 * W);
    d0.intoArray(chains, to + 6 * W);
    d1.intoArray(chains, to + 7 * W);
  }

  /**
   * Multiplies four blocks that were widened.
   *
   * @param panel the blocks, {@code stride} elements apart
   * @param depth columns
   * @param at the first activation
   */
  static void panel(
      float[] panel, int stride, int depth, float[] x, int at, float[] chains, int to) {
    FloatVector a0 = load(chains, to);
    FloatVector a1 = load(chains, to + W);
    FloatVector b0 = load(chains, to + 2 * W);
    FloatVector b1 = load(chains, to + 3 * W);
    FloatVector c0 = load(chains, to + 4 * W);
    FloatVector c1 = load(chains, to + 5 * W);
    FloatVector d0 = load(chains, to + 6 * W);
    FloatVector d1 = load(chains, to + 7 * W);
    for (int k = 0; k < depth; k++) {
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, x[at + k]);
      int a = k * 2 * W;
      int b = a + stride;
      int c = b + stride;
      int d = c + stride;
      a0 = factor.fma(load(panel, a), a0);
      a1 = factor.fma(load(panel, a + W), a1);
      b0 = factor.fma(load(panel, b), b0);
      b1 = factor.fma(load(panel, b + W), b1);
      c0 = factor.fma(load(panel, c), c0);
      c1 = factor.fma(load(panel, c + W), c1);
      d0 = factor.fma(load(panel, d), d0);
      d1 = factor.fma(load(panel, d + W), d1);
    }
    a0.intoArray(chains, to);
    a1.intoArray(chains, to + W);
    b0.intoArray(chains, to + 2 * W);
    b1.intoArray(chains, to + 3 * W);
    c0.intoArray(chains, to + 4 * W);
    c1.intoArray(chains, to + 5 * W);
    d0.intoArray(chains, to + 6 * W);
    d1.intoArray(chains, to + 7 * W);
  }
}
