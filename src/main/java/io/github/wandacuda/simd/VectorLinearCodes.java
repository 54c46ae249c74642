package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.scalar.CpuTensor;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Linear layers of one to a few rows of activations and a quantized weight, multiplied from its
 * codes in the order of {@link VectorLinearRows}. A weight is widened in registers to the number
 * that {@link io.github.wandacuda.QuantizedMatrix} states, and multiplied at once.
 *
 * <p>The bits of E4M3 are moved to float32's exponent and mantissa, which gives 2^-120 times the
 * number, for subnormal ones, too. The scale is kept as 2^120 times its value, so that the product
 * is rounded as that of the two numbers would be. Codes of 4 bits are looked up in the lanes of a
 * vector.
 */
final class VectorLinearCodes {
  private static final int FEATURES = CodeBlocks.FEATURES;
  private static final int W = Lanes.COUNT;

  /** Blocks that are read side by side. */
  private static final int BLOCKS = 2;

  static final int WIDTH = BLOCKS * FEATURES;
  private static final int FRACTION_SHIFT = 20;
  private static final int FRACTION_AND_SIGN = 0x87f0_0000;
  private static final float REBIAS = 0x1p120f;

  /** Values of codes of 4 bits. */
  private static final int LOOKED_UP = 16;

  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final VectorSpecies<Byte> BYTES =
      VectorShape.forBitSize(Math.max(64, W * Byte.SIZE)).withLanes(byte.class);

  private VectorLinearCodes() {}

  /**
   * Continues the chains of all rows with columns of one group.
   *
   * @param feature the first block's first
   * @param column the first column
   * @param end one past the last column
   * @return the next column: {@code end}, or the first of the next group
   */
  static int multiply(CpuTensor x, CodeBlocks w, int feature, int column, int end, float[] chains) {
    int group = w.groupColumns() - column % w.groupColumns();
    int depth = Math.min(group, end - column);
    for (int row = 0; row < x.rows(); row++) {
      multiply(x.data(), x.at(row) + column, w, feature, column, depth, chains, row * WIDTH);
    }
    return column + depth;
  }

  /** Continues the chains of one row with columns of one group. */
  private static void multiply(
      float[] x, int at, CodeBlocks w, int feature, int column, int depth, float[] chains, int to) {
    int last = (w.rows() - 1) / FEATURES * FEATURES;
    int next = Math.min(last, feature + FEATURES);
    long a = w.at(feature, column);
    long b = w.at(next, column);
    long scaleA = w.scaleAt(feature, column);
    long scaleB = w.scaleAt(next, column);
    if (w.table() != null) {
      nibbles(w, a, b, scaleA, scaleB, depth, x, at, chains, to);
    } else {
      floats(w, a, b, scaleA, scaleB, depth, x, at, chains, to);
    }
  }

  private static FloatVector scale(CodeBlocks w, long at, int vector) {
    long from = at + (long) vector * W * Float.BYTES;
    FloatVector scale =
        FloatVector.fromMemorySegment(Lanes.FLOATS, w.scales(), from, ByteOrder.nativeOrder());
    return w.table() == null ? scale.mul(REBIAS) : scale;
  }

  /** Multiplies two blocks of E4M3. */
  private static void floats(
      CodeBlocks w,
      long a,
      long b,
      long scaleA,
      long scaleB,
      int depth,
      float[] x,
      int at,
      float[] chains,
      int to) {
    MemorySegment codes = w.codes();
    FloatVector sa0 = scale(w, scaleA, 0);
    FloatVector sa1 = scale(w, scaleA, 1);
    FloatVector sb0 = scale(w, scaleB, 0);
    FloatVector sb1 = scale(w, scaleB, 1);
    FloatVector a0 = load(chains, to);
    FloatVector a1 = load(chains, to + W);
    FloatVector b0 = load(chains, to + 2 * W);
    FloatVector b1 = load(chains, to + 3 * W);
    for (int k = 0; k < depth; k++) {
      long step = (long) k * FEATURES;
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, x[at + k]);
      a0 = factor.fma(small(codes, a + step).mul(sa0), a0);
      a1 = factor.fma(small(codes, a + step + W).mul(sa1), a1);
      b0 = factor.fma(small(codes, b + step).mul(sb0), b0);
      b1 = factor.fma(small(codes, b + step + W).mul(sb1), b1);
    }
    a0.intoArray(chains, to);
    a1.intoArray(chains, to + W);
    b0.intoArray(chains, to + 2 * W);
    b1.intoArray(chains, to + 3 * W);
  }

  private static FloatVector small(MemorySegment codes, long at) {
    return bytes(codes, at)
        .lanewise(VectorOperators.LSHL, FRACTION_SHIFT)
        .and(FRACTION_AND_SIGN)
        .reinterpretAsFloats();
  }

  /** Multiplies two blocks of codes of 4 bits. */
  private static void nibbles(
      CodeBlocks w,
      long a,
      long b,
      long scaleA,
      long scaleB,
      int depth,
      float[] x,
      int at,
      float[] chains,
      int to) {
    MemorySegment codes = w.codes();
    FloatVector low = load(w.table(), 0);
    FloatVector high = load(w.table(), LOOKED_UP - W);
    FloatVector sa0 = scale(w, scaleA, 0);
    FloatVector sa1 = scale(w, scaleA, 1);
    FloatVector sb0 = scale(w, scaleB, 0);
    FloatVector sb1 = scale(w, scaleB, 1);
    FloatVector a0 = load(chains, to);
    FloatVector a1 = load(chains, to + W);
    FloatVector b0 = load(chains, to + 2 * W);
    FloatVector b1 = load(chains, to + 3 * W);
    for (int k = 0; k < depth; k++) {
      long step = (long) k * W;
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, x[at + k]);
      IntVector first = bytes(codes, a + step);
      IntVector second = bytes(codes, b + step);
      a0 = factor.fma(value(first, low, high).mul(sa0), a0);
      a1 = factor.fma(value(first.lanewise(VectorOperators.LSHR, 4), low, high).mul(sa1), a1);
      b0 = factor.fma(value(second, low, high).mul(sb0), b0);
      b1 = factor.fma(value(second.lanewise(VectorOperators.LSHR, 4), low, high).mul(sb1), b1);
    }
    a0.intoArray(chains, to);
    a1.intoArray(chains, to + W);
    b0.intoArray(chains, to + 2 * W);
    b1.intoArray(chains, to + 3 * W);
  }

  private static IntVector bytes(MemorySegment codes, long at) {
    ByteVector bytes = ByteVector.fromMemorySegment(BYTES, codes, at, ORDER);
    return (IntVector) bytes.convertShape(VectorOperators.B2I, Lanes.INTS, 0);
  }

  /** Looks codes up by their lowest 4 bits: in one vector of 16 lanes, or in two of 8. */
  private static FloatVector value(IntVector code, FloatVector low, FloatVector high) {
    IntVector found = code.and(W - 1).selectFrom(low.reinterpretAsInts());
    if (W < LOOKED_UP) {
      IntVector other = code.and(W - 1).selectFrom(high.reinterpretAsInts());
      found = found.blend(other, code.and(W).compare(VectorOperators.NE, 0));
    }
    return found.reinterpretAsFloats();
  }
}
