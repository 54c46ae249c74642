package io.github.wandacuda.forward.simd.blocks;

import static io.github.wandacuda.forward.simd.blocks.BlockWidening.pairs;

import io.github.wandacuda.simd.Lanes;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Chains of fused multiply-adds of one row of activations and a block of features, one a type of
 * weights. Each is a method of its own, small enough for the JIT to keep all vectors in registers.
 */
final class BlockChains {
  private static final int W = Lanes.COUNT;

  /** Bytes of a vector. */
  private static final int STEP = W * Float.BYTES;

  private BlockChains() {}

  /**
   * Multiplies float32 weights.
   *
   * @param from the offset of the first column
   * @param depth columns
   * @param at the first activation
   */
  static void floats(
      MemorySegment weights, long from, int depth, float[] x, int at, float[] chains, int to) {
    FloatVector c0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector c1 = FloatVector.zero(Lanes.FLOATS);
    FloatVector c2 = FloatVector.zero(Lanes.FLOATS);
    FloatVector c3 = FloatVector.zero(Lanes.FLOATS);
    for (int k = 0; k < depth; k++) {
      long w = from + (long) k * (4 * STEP);
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, x[at + k]);
      c0 = factor.fma(BlockWidening.floats(weights, w), c0);
      c1 = factor.fma(BlockWidening.floats(weights, w + STEP), c1);
      c2 = factor.fma(BlockWidening.floats(weights, w + 2 * STEP), c2);
      c3 = factor.fma(BlockWidening.floats(weights, w + 3 * STEP), c3);
    }
    c0.intoArray(chains, to);
    c1.intoArray(chains, to + W);
    c2.intoArray(chains, to + 2 * W);
    c3.intoArray(chains, to + 3 * W);
  }

  /**
   * Multiplies BF16.
   *
   * @param from the offset of the first column
   * @param depth columns
   * @param at the first activation
   */
  static void bfloats(
      MemorySegment weights, long from, int depth, float[] x, int at, float[] chains, int to) {
    FloatVector c0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector c1 = FloatVector.zero(Lanes.FLOATS);
    FloatVector c2 = FloatVector.zero(Lanes.FLOATS);
    FloatVector c3 = FloatVector.zero(Lanes.FLOATS);
    for (int k = 0; k < depth; k++) {
      long w = from + (long) k * (2 * STEP);
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, x[at + k]);
      IntVector p0 = pairs(weights, w);
      IntVector p1 = pairs(weights, w + STEP);
      c0 = factor.fma(BlockWidening.lowBfloats(p0), c0);
      c1 = factor.fma(BlockWidening.highBfloats(p0), c1);
      c2 = factor.fma(BlockWidening.lowBfloats(p1), c2);
      c3 = factor.fma(BlockWidening.highBfloats(p1), c3);
    }
    c0.intoArray(chains, to);
    c1.intoArray(chains, to + W);
    c2.intoArray(chains, to + 2 * W);
    c3.intoArray(chains, to + 3 * W);
  }

  /**
   * Multiplies finite F16.
   *
   * @param from the offset of the first column
   * @param depth columns
   * @param at the first activation
   */
  static void halves(
      MemorySegment weights, long from, int depth, float[] x, int at, float[] chains, int to) {
    FloatVector c0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector c1 = FloatVector.zero(Lanes.FLOATS);
    FloatVector c2 = FloatVector.zero(Lanes.FLOATS);
    FloatVector c3 = FloatVector.zero(Lanes.FLOATS);
    for (int k = 0; k < depth; k++) {
      long w = from + (long) k * (2 * STEP);
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, x[at + k]);
      IntVector p0 = pairs(weights, w);
      IntVector p1 = pairs(weights, w + STEP);
      c0 = factor.fma(BlockWidening.lowHalves(p0), c0);
      c1 = factor.fma(BlockWidening.highHalves(p0), c1);
      c2 = factor.fma(BlockWidening.lowHalves(p1), c2);
      c3 = factor.fma(BlockWidening.highHalves(p1), c3);
    }
    c0.intoArray(chains, to);
    c1.intoArray(chains, to + W);
    c2.intoArray(chains, to + 2 * W);
    c3.intoArray(chains, to + 3 * W);
  }
}
